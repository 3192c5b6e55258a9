-- Late events that are not in the aggregates yet, by the latest report.
select coalesce(late_pending, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
