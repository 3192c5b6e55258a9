-- Hours (UTC) whose aggregates lack late events: how many came since the last refresh, and a generation that each arrival
-- raises, so that a refresh subtracts only the events it has seen. Always empty on the postgres flavour.
create table late_ranges (
    hour timestamptz primary key,
    events bigint not null,
    gen bigint not null
);
