-- Counts per bucket (UTC) and event type, kept exact in the transaction that inserts the rows.
create table events_by_minute (
    bucket timestamptz not null,
    event_type text not null,
    events bigint not null,
    primary key (bucket, event_type)
);
create table events_by_hour (
    bucket timestamptz not null,
    event_type text not null,
    events bigint not null,
    primary key (bucket, event_type)
);
create table events_by_day (
    bucket timestamptz not null,
    event_type text not null,
    events bigint not null,
    primary key (bucket, event_type)
);
