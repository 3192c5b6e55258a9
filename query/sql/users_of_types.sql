-- How many users were ever seen with any of the types $1. Whoever has several counts once.
select count(distinct user_id) as users from public.users_by_type where event_type = any ($1::text[]);
