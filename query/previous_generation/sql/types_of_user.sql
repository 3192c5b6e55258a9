-- The event types of the user $1, among the types $2 (null: all).
select event_type
from public.users_by_type
where user_id = $1 and ($2::text[] is null or event_type = any ($2))
order by event_type collate "C";
