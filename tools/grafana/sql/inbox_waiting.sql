-- Messages in the inbox, by the latest report.
select coalesce(inbox_waiting, 0)::float as value from pipeline_samples order by sampled_at desc limit 1
