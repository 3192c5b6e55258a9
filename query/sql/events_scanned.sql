-- Scans the newest $7 events after the page start ($3, $4) in [$1, $2) and returns the first $8 of the types $5 and,
-- unless it is null, of the user $6. Each row also has the number of events scanned and the last of them (oldest,
-- oldest_seq). Returns at least one row: its seq is null if no event matches.
with scanned as materialized (
    select event_id, event_type, user_id, created_at, event_data, seq
    from public.analytics_events
    where created_at >= $1 and created_at < $2 and (created_at, seq) < ($3, $4::bigint)
    order by created_at desc, seq desc
    limit $7
),

last_one as (select created_at as oldest, seq as oldest_seq from scanned order by created_at, seq limit 1)

select event.*, whole.scanned, last_one.oldest, last_one.oldest_seq
from (select count(*) as scanned from scanned) as whole
left join last_one on true
left join (
    select * from scanned where event_type = any ($5::text[]) and ($6::bigint is null or user_id = $6)
) as event on true
order by event.created_at desc, event.seq desc
limit $8;
