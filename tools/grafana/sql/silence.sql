-- Seconds since the last report; a million without any.
select coalesce(extract(epoch from now() - max(sampled_at)), 1000000)::float as value from pipeline_samples
