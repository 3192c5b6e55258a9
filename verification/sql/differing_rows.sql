-- Which rows of the given days and types are not what the log says. Null on either side: the row is only on the other.
with logged as (
    select event_id, event_type, user_id, 'epoch'::timestamptz + microseconds * interval '1 microsecond' as created_at,
        event_data::jsonb as event_data, seq
    from unnest(
        $1::uuid[], string_to_array($2, E'\x1e'), $3::bigint[], $4::bigint[], string_to_array($5, E'\x1e'), $6::bigint[]
    )
        as event (event_id, event_type, user_id, microseconds, event_data, seq)
),
kept as (
    select event_id, event_type, user_id, created_at, event_data, seq
    from analytics_events
    where (date_trunc('day', created_at, 'UTC'), event_type) in (select * from unnest($7::timestamptz[], $8::text[]))
)
select event_id, logged.seq as logged_seq, kept.seq as kept_seq
from logged full join kept using (event_id)
where row(logged.event_type, logged.user_id, logged.created_at, logged.event_data, logged.seq)
    is distinct from row(kept.event_type, kept.user_id, kept.created_at, kept.event_data, kept.seq)
order by coalesce(logged.seq, kept.seq)
limit $9
