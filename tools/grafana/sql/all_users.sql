-- Users of all time.
select coalesce(max(users), 0) as value from all_time where event_type = ''
