-- Looks at the newest $7 events behind the place ($3, $4) in [$1, $2): the first $8 of them that are of the types $5
-- and, unless it is null, the user $6. looked_at, oldest and oldest_seq, which are in each row, tell how many were looked
-- at and which was the last. Always a row: its seq is null where none matches.
with looked_at as materialized (
    select event_id, event_type, user_id, created_at, event_data, seq
    from public.analytics_events
    where created_at >= $1 and created_at < $2 and (created_at, seq) < ($3, $4::bigint)
    order by created_at desc, seq desc
    limit $7
),

last_one as (select created_at as oldest, seq as oldest_seq from looked_at order by created_at, seq limit 1)

select event.*, whole.looked_at, last_one.oldest, last_one.oldest_seq
from (select count(*) as looked_at from looked_at) as whole
left join last_one on true
left join (
    select * from looked_at where event_type = any ($5::text[]) and ($6::bigint is null or user_id = $6)
) as event on true
order by event.created_at desc, event.seq desc
limit $8;
