-- Events in the range, from the rollup that fits its length.
select coalesce(sum(events), 0) as value
from (
    select events, event_type from events_by_minute
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '6 hours'
    union all
    select events, event_type from events_by_hour
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '6 hours'
        and $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '14 days'
    union all
    select events, event_type from events_by_day
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '14 days'
) as counted
where '__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring})
