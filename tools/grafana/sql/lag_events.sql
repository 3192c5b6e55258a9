-- Log entries that are not in the tables yet, by the latest report; null: unknown.
select lag_events::float as value from pipeline_samples order by sampled_at desc limit 1
