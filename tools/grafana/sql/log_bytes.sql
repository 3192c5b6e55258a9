-- Size of the log, by the latest report.
select coalesce(log_bytes, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
