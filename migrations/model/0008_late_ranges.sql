-- Hours (UTC) whose aggregates don't have all their events yet: how many came since the last refresh, and a generation
-- that each arrival raises, so that a refresh takes away only what it has seen. Always empty on the postgres flavour.
create table late_ranges (
    hour timestamptz primary key,
    events bigint not null,
    gen bigint not null
);
-- Single rows before raw_from were dropped (retention); their counts are kept.
alter table projection_position add column raw_from timestamptz;
