-- How many users have events in [$1, $2): per type, and in the row '' all together. $3: the types wanted (null: all).
select coalesce(event_type, '') as event_type, count(distinct user_id) as users
from public.analytics_events
where created_at >= $1 and created_at < $2 and ($3::text[] is null or event_type = any ($3))
group by grouping sets ((event_type), ());
