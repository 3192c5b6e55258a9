-- What is not counted, and why.
select sampled_at as time, parked, rejected, inbox_waiting as "waiting in the inbox", late_pending as "late"
from pipeline_samples where $__timeFilter(sampled_at) order by 1
