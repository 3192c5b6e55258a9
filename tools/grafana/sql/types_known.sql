-- How many event types there are.
select count(*) as value from all_time where event_type <> ''
