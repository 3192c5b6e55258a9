-- The newest $9 events after the page start ($5, $6) in the windows from $1[n] to $2[n], newest window first, and in
-- [$3, $4): of the types $7 (null: all) and the user $8 (null: all). Windows are read one by one, so reading ends when
-- there are enough events. No `with ties`: TimescaleDB ends an ordered scan at the limit anyway.
select event_id, event_type, user_id, created_at, event_data, seq
from unnest($1::timestamptz[], $2::timestamptz[]) with ordinality as time_window (start_at, end_at, nth)
cross join lateral (
    select event_id, event_type, user_id, created_at, event_data, seq
    from public.analytics_events
    where created_at >= time_window.start_at and created_at < time_window.end_at
        and created_at >= $3 and created_at < $4
        and (created_at, seq) < ($5, $6::bigint)
        and ($7::text[] is null or event_type = any ($7))
        and ($8::bigint is null or user_id = $8)
    order by created_at desc, seq desc
    limit $9
) as event
order by nth, created_at desc, seq desc
limit $9;
