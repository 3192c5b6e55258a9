-- How many users have events in [$1, $4): per type, and in the row '' all together. Whole hours, [$2, $3), are counted
-- from the users per hour, what is before and after them from the events. $5: the types wanted (null: all).
select coalesce(event_type, '') as event_type, count(distinct user_id) as users
from (
    select event_type, user_id from public.users_by_hour
    where bucket >= $2 and bucket < $3
    union all
    select event_type, user_id from public.analytics_events
    where (created_at >= $1 and created_at < $2) or (created_at >= $3 and created_at < $4)
) as seen
where $5::text[] is null or event_type = any ($5)
group by grouping sets ((event_type), ());
