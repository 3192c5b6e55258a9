-- Users as roaring bitmaps of ordinals (see the ledger's users), per level, bucket and event type; '' is all types. Levels:
-- 0 all time, 1 day, 2 hour, 3 quarter hour (UTC); bucket is its start in seconds since 1970.
create table user_sets (
    level smallint not null,
    bucket bigint not null,
    event_type text not null,
    users integer not null,
    members bytea not null,
    primary key (level, bucket, event_type)
);
alter table user_sets alter column members set storage external;
-- Users of recent batches that are not in user_sets yet, packed (migrations/user_sets.py): a batch touches too many sets to
-- write them all. sets_seq is the position that user_sets has.
create table set_log (
    id bigint generated always as identity primary key,
    seq bigint not null,
    events integer not null,
    event_types text[] not null,
    packed bytea not null
);
alter table projection_position add column sets_seq bigint not null default 0;
-- A row per event type; the row '' counts everything.
create table all_time (
    event_type text primary key,
    events bigint not null,
    users bigint not null
);
