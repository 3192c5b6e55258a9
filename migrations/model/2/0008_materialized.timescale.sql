-- The end of the materialized part of each continuous aggregate. Maintenance refreshes from there, without a hole.
create table materialized (
    aggregate text primary key,
    until timestamptz not null
);
