-- Log entries that were parked in the last 15 minutes: what stays parked is no news for ever.
select count(*)::float as value from parked_events where parked_at > now() - interval '15 minutes'
