-- Log entries that are not in the tables yet, by the latest report.
select coalesce(lag_events, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
