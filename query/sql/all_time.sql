-- Events and users of all time per type, and of all types in the row ''. $1: the types (null: all).
select event_type, events, users
from public.all_time
where $1::text[] is null or event_type = any ($1);
