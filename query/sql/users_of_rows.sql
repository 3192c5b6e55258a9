-- The users of single events from each of $1 up to each of $2, of the types $3 (null: all): ordinals per interval and
-- event type. $4 are the starts of the intervals; the first has the place 0.
select seen.place, seen.event_type, array_agg(users.ordinal) as ordinals
from (
    select distinct width_bucket(created_at, $4::timestamptz[]) - 1 as place, event_type, user_id
    from unnest($1::timestamptz[], $2::timestamptz[]) as rest (low, high)
    cross join lateral (
        select event_type, user_id, created_at from public.analytics_events
        where created_at >= rest.low and created_at < rest.high
            and ($3::text[] is null or event_type = any ($3))
        offset 0
    ) as event
) as seen
join public.users as users using (user_id)
group by seen.place, seen.event_type;
