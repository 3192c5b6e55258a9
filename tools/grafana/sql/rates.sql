-- Events per second into the log and into the tables, between reports of the same model and log.
select sampled_at as time,
    (log_last_seq - lag(log_last_seq) over earlier) / seconds as "into the log",
    (projected_seq - lag(projected_seq) over earlier) / seconds as "into the tables"
from (
    select *, extract(epoch from sampled_at - lag(sampled_at) over (order by sampled_at)) as seconds
    from pipeline_samples
    where $__timeFilter(sampled_at)
) as sampled
window earlier as (partition by model order by sampled_at)
order by 1
