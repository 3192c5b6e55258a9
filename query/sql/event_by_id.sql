-- The log entry that counts for the event id $1, and its state: its row, or its parked entry, or neither if retention
-- dropped the row. No row: the id was never projected.
select ledger.seq, event.event_type, event.user_id, event.created_at, event.event_data,
    parked.code, parked.reason, parked.parked_at, parked.logged_at
from public.event_ids as ledger
left join lateral (
    select event_type, user_id, created_at, event_data from public.analytics_events where seq = ledger.seq limit 1
) as event on true
left join public.parked_events as parked on parked.seq = ledger.seq
where ledger.event_id = $1;
