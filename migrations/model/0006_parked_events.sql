-- What can't be projected, kept as it is in the log with the reason. event_id where one can be read; it then holds that
-- id in the ledger.
create table parked_events (
    seq bigint primary key,
    event_id uuid,
    code text not null,
    reason text not null,
    payload bytea not null,
    logged_at timestamptz not null,
    parked_at timestamptz not null default now()
);
