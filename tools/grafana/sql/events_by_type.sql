-- Events per second by type, from the rollup that fits the range. The current bucket is divided by its elapsed part.
select bucket as time, event_type as metric,
    sum(events) / greatest(extract(epoch from least(now(), bucket + width) - bucket), 1) as value
from (
    select bucket, event_type, events, interval '1 minute' as width from events_by_minute
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '6 hours'
        and bucket < date_trunc('minute', now())
    union all
    select bucket, event_type, events, interval '1 hour' from events_by_hour
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '6 hours'
        and $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '14 days'
    union all
    select bucket, event_type, events, interval '1 day' from events_by_day
    where $__timeFilter(bucket) and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '14 days'
) as counted
where '__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring})
group by bucket, event_type, width
order by 1, 2
