-- Who was seen in which hour (UTC) with which event type: unique users of a range are counted from these.
create materialized view users_by_hour
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 hour', created_at) as bucket, event_type, user_id, count(*) as events
from analytics_events group by 1, 2, 3
with no data;
