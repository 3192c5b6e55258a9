-- One row per event, in chunks of time. Uniqueness is the ledger's: a hypertable's own unique key would have to contain
-- the time, and a retry may carry another one. The chunk's length comes from the settings.
create table analytics_events (
    event_id uuid not null,
    event_type text not null,
    user_id bigint not null,
    created_at timestamptz not null,
    event_data jsonb not null,
    seq bigint not null
);
select create_hypertable('analytics_events', by_range('created_at'), create_default_indexes => false);
create index analytics_events_by_time on analytics_events (created_at);
create index analytics_events_by_seq on analytics_events (seq);
-- Old chunks are compressed by the policy that the settings ask for; late rows can still be inserted into them.
alter table analytics_events set (
    timescaledb.compress, timescaledb.compress_segmentby = 'event_type', timescaledb.compress_orderby = 'created_at'
);
