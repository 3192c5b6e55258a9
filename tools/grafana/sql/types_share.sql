-- Events by type per hour, or per day in ranges of more than two weeks.
select bucket as time, event_type as metric, sum(events) as value
from (
    select bucket, event_type, events from events_by_hour
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '14 days'
    union all
    select bucket, event_type, events from events_by_day
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '14 days'
) as counted
where '__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring})
group by bucket, event_type
order by 1, 2
