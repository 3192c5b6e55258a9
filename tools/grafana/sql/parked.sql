-- Parked log entries.
select count(*)::float as value from parked_events
