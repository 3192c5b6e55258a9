-- Entries that can't be projected, with the reason. event_id is null if it can't be read; otherwise the entry claims it in
-- the ledger.
create table parked_events (
    seq bigint primary key,
    event_id uuid,
    code text not null,
    reason text not null,
    payload bytea not null,
    logged_at timestamptz not null,
    parked_at timestamptz not null default now()
);
