-- Late events on their way into the aggregates, by the latest report.
select coalesce(late_pending, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
