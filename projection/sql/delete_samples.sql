-- Forgets samples older than $1 days.
delete from tailrace.pipeline_samples where sampled_at < now() - make_interval(days => $1)
