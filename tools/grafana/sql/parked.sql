-- Log entries that can't be projected.
select count(*)::float as value from parked_events
