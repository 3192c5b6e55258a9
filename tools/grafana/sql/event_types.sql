-- Event types to select from, the most frequent first.
select event_type from all_time where event_type <> '' order by events desc limit 500
