-- The users of single events from each of $1 up to each of $2, of the types $3 (null: all): ordinals per event type.
select seen.event_type, array_agg(users.ordinal) as ordinals
from (
    select distinct event_type, user_id
    from unnest($1::timestamptz[], $2::timestamptz[]) as rest (low, high)
    cross join lateral (
        select event_type, user_id from public.analytics_events
        where created_at >= rest.low and created_at < rest.high
            and ($3::text[] is null or event_type = any ($3))
        offset 0
    ) as event
) as seen
join public.users as users using (user_id)
group by seen.event_type;
