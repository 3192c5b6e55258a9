-- Where the log and the live model $1 were about a minute ago, for rates; another model was elsewhere.
select extract(epoch from now() - sampled_at)::float as seconds, log_last_seq, projected_seq
from pipeline_samples
where sampled_at > now() - interval '70 seconds' and log_last_seq is not null and model = $1
order by sampled_at
limit 1
