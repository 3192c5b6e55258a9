-- Sizes of the log and of the database.
select sampled_at as time, log_bytes as log, database_bytes as database
from pipeline_samples where $__timeFilter(sampled_at) order by 1
