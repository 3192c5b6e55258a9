-- 1 if the log did not answer at the latest report.
select (log_last_seq is null)::int::float as value from pipeline_samples order by sampled_at desc limit 1
