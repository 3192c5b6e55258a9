-- Events and users of all time per type, and of everything in the row ''. $1: the types wanted (null: all).
select event_type, events, users
from public.all_time
where $1::text[] is null or event_type = any ($1);
