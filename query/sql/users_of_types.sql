-- Counts the users of any of the types $1; a user of several types counts once.
select count(distinct user_id) as users from public.users_by_type where event_type = any ($1::text[]);
