-- Log entries parked in the last 15 minutes: the alert ends although they stay parked.
select count(*)::float as value from parked_events where parked_at > now() - interval '15 minutes'
