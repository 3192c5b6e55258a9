-- The paths of page views and requests per UTC day: the tables of the rollup `pages`, which is built in
-- (tailrace/declared/pages.py). Models that have counted events before this migration keep no pages: a replay builds one.
create table pages_cells_day (
    bucket timestamptz not null,
    other boolean not null,
    path text collate "C",
    event_type text collate "C",
    events bigint not null,
    unique nulls not distinct (bucket, other, path, event_type)
);
create table pages_members (
    level text not null,
    bucket timestamptz not null,
    key bytea not null,
    other boolean not null,
    path text collate "C",
    event_type text collate "C",
    users bigint not null,
    members bytea not null,
    primary key (level, key, bucket)
);
alter table pages_members alter column members set storage external;
create table pages_set_log (seq bigint not null, events integer not null, cells bytea not null);
alter table projection_position add column keeps_pages boolean not null default true;
update projection_position set keeps_pages = false where seq > 0;
