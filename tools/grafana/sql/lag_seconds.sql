-- Seconds that the oldest event not in the tables has been in the log, by the latest report; null: unknown.
select lag_seconds::float as value from pipeline_samples order by sampled_at desc limit 1
