-- Rejected messages, by the latest report.
select coalesce(rejected, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
