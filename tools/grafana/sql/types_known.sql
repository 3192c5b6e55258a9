-- The number of event types.
select count(*) as value from all_time where event_type <> ''
