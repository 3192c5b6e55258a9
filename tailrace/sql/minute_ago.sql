-- Where log and live model were about a minute ago, for rates.
select extract(epoch from now() - sampled_at)::float as seconds, log_last_seq, projected_seq
from pipeline_samples
where sampled_at > now() - interval '70 seconds' and log_last_seq is not null
order by sampled_at
limit 1
