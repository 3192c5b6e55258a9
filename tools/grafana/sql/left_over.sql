-- Events that are not counted, by reason.
select sampled_at as time, parked, rejected, inbox_waiting as "waiting in the inbox", late_pending as "late"
from pipeline_samples where $__timeFilter(sampled_at) order by 1
