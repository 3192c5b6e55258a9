-- The users of events in ranges, from each of $1 up to each of $2, of the types $5 (null: all): ordinals per range (the first
-- has the place 0) and event type. Whole hours, from each of $3 up to each of $4, are read from the users per hour, what is
-- before and after them from the events. A user's ordinal is the place among all users.
with numbered as materialized (
    select user_id, row_number() over (order by user_id) - 1 as ordinal from public.users
)
select seen.place, seen.event_type, array_agg(numbered.ordinal) as ordinals
from (
    select distinct part.nth - 1 as place, event.event_type, event.user_id
    from unnest($1::timestamptz[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) with ordinality
        as part (low, high, first_hour, last_hour, nth)
    cross join lateral (
        select event_type, user_id from public.users_by_hour
        where bucket >= first_hour and bucket < last_hour
        union all
        select event_type, user_id from public.analytics_events
        where (created_at >= low and created_at < first_hour) or (created_at >= last_hour and created_at < high)
        offset 0
    ) as event
    where $5::text[] is null or event.event_type = any ($5)
) as seen
join numbered using (user_id)
group by seen.place, seen.event_type;
