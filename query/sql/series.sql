-- Events per bucket and type, exact to the microsecond, each stretch of the range from the coarsest table that fits:
-- $1, $2 and $3 are the stretches' tables (day, hour, minute, row), beginnings and ends. What is at $4[n] or later,
-- but before $4[n + 1], belongs to bucket $5[n]. $6: the event types wanted (null: all).
with stretch as materialized (
    select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as stretch (source, low, high)
)
select ($5::int[])[width_bucket(at, $4::timestamptz[])] as number, event_type, sum(events)::bigint as events
from (
    -- offset 0 makes each stretch a lookup of its own, in views that are unions themselves on TimescaleDB
    select found.* from stretch, lateral (
        select bucket as at, event_type, events from public.events_by_day
        where bucket >= low and bucket < high offset 0
    ) as found where source = 'day'
    union all
    select found.* from stretch, lateral (
        select bucket, event_type, events from public.events_by_hour
        where bucket >= low and bucket < high offset 0
    ) as found where source = 'hour'
    union all
    select found.* from stretch, lateral (
        select bucket, event_type, events from public.events_by_minute
        where bucket >= low and bucket < high offset 0
    ) as found where source = 'minute'
    union all
    select found.* from stretch, lateral (
        select created_at, event_type, 1 from public.analytics_events
        where created_at >= low and created_at < high offset 0
    ) as found where source = 'row'
) as stretches
where $6::text[] is null or event_type = any ($6)
group by 1, 2
order by 1, event_type collate "C";
