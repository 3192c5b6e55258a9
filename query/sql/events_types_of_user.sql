-- The event types of the user $1, among the types $2 (null: all).
select event_type
from public.all_time
where event_type <> '' and ($2::text[] is null or event_type = any ($2))
    and exists (
        select from public.users_by_type
        where users_by_type.event_type = all_time.event_type and users_by_type.user_id = $1
    );
