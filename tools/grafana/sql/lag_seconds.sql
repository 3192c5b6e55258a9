-- Seconds that the oldest event not in the tables has been in the log, by the latest report.
select coalesce(lag_seconds, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
