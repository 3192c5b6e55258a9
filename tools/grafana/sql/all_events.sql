-- Events of all time.
select coalesce(max(events), 0) as value from all_time where event_type = ''
