-- Events per bucket and type, exact to the microsecond. Each segment of the range is read from the coarsest table that
-- fits: $1, $2 and $3 are the segments' tables (day, hour, minute, row), starts and ends. Times from $4[n] to before
-- $4[n + 1] belong to bucket $5[n]. $6: the event types (null: all). Only $7 types are named: those of $8, then the
-- most frequent; the others are together under null. "types" is the number of all types.
with segment as materialized (
    select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as segment (source, low, high)
), counted as materialized (
    select ($5::int[])[width_bucket(at, $4::timestamptz[])] as number, event_type, sum(events)::bigint as events
    from (
        -- offset 0 makes each segment a separate lookup: on TimescaleDB the views are unions
        select found.* from segment, lateral (
            select bucket as at, event_type, events from public.events_by_day
            where bucket >= low and bucket < high offset 0
        ) as found where source = 'day'
        union all
        select found.* from segment, lateral (
            select bucket, event_type, events from public.events_by_hour
            where bucket >= low and bucket < high offset 0
        ) as found where source = 'hour'
        union all
        select found.* from segment, lateral (
            select bucket, event_type, events from public.events_by_minute
            where bucket >= low and bucket < high offset 0
        ) as found where source = 'minute'
        union all
        select found.* from segment, lateral (
            select created_at, event_type, 1 from public.analytics_events
            where created_at >= low and created_at < high offset 0
        ) as found where source = 'row'
    ) as segments
    where $6::text[] is null or event_type = any ($6)
    group by 1, 2
), ranked as materialized (
    select event_type, row_number() over (
        order by event_type = any ($8::text[]) desc, sum(events) desc, event_type collate "C"
    ) as place
    from counted group by event_type
)
select number, case when place <= $7 then event_type end collate "C" as event_type, sum(events)::bigint as events,
    (select count(*) from ranked) as types
from counted join ranked using (event_type)
group by 1, 2
order by 1, 2;
