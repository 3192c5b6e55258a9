-- The lag in seconds.
select sampled_at as time, lag_seconds as lag from pipeline_samples where $__timeFilter(sampled_at) order by 1
