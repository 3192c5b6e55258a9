-- Up to when the projection has materialized each continuous aggregate. It refreshes from there on, so nothing between
-- is ever passed over.
create table materialized (
    aggregate text primary key,
    until timestamptz not null
);
