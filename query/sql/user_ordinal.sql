-- The ordinal of the user $1 in the sets of users; no row: the user has no events.
select ordinal from public.users where user_id = $1;
