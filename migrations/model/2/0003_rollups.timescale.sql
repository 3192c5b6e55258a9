-- Counts per bucket (UTC) and event type: continuous aggregates, each made from the one below it. Real-time: what is
-- newer than the materialized part is read from below, so it is counted at once. Refreshing is the projection's own
-- work (see late_ranges): a refresh policy of the database would know neither what came late nor what was dropped.
create materialized view events_by_minute
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 minute', created_at) as bucket, event_type, count(*) as events
from analytics_events group by 1, 2
with no data;

create materialized view events_by_hour
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 hour', bucket) as bucket, event_type, sum(events)::bigint as events
from events_by_minute group by 1, 2
with no data;

create materialized view events_by_day
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 day', bucket) as bucket, event_type, sum(events)::bigint as events
from events_by_hour group by 1, 2
with no data;
