-- Parked entries from $1 to $2 (sequences, inclusive), the oldest first, at most $3.
select seq, event_id, code, reason, payload, logged_at, parked_at
from parked_events
where seq between $1 and $2
order by seq
limit $3
