-- The lag in seconds, for the alert; an unknown lag has an alert of its own.
select coalesce(lag_seconds, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
