-- Distinct users that have an event of any of the types $1.
select count(distinct user_id) as users from public.users_by_type where event_type = any ($1::text[]);
