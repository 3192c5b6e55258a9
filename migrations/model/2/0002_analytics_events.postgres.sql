-- One row per event; seq is its log entry. The ledger makes ids unique.
create table analytics_events (
    event_id uuid not null,
    event_type text not null,
    user_id bigint not null,
    created_at timestamptz not null,
    event_data jsonb not null,
    seq bigint not null
);
create index analytics_events_by_time on analytics_events (created_at);
create index analytics_events_by_seq on analytics_events (seq);
