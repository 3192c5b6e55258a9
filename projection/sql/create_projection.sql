-- Every projection has its position and the entries that it could not apply.
create table projection_position (
    the_only boolean primary key default true check (the_only),
    epoch text not null default '',
    seq bigint not null default 0,
    fingerprint text not null default '',
    logged_at timestamptz,
    revision bigint not null default 0,
    log_from bigint not null default 1
);
insert into projection_position default values;
create table parked_events (
    seq bigint primary key,
    event_id uuid,
    code text not null,
    reason text not null,
    payload bytea not null,
    logged_at timestamptz not null,
    parked_at timestamptz not null default now()
);
