-- The ledger: which log entry counts for an event id. Inserting here, ON CONFLICT DO NOTHING, is what makes every
-- event count once, whatever created_at a retry carries.
create table event_ids (
    event_id uuid primary key,
    seq bigint not null
);
