-- Unique users per hour, in ranges of more than two weeks per day (UTC).
select date_trunc(
        case when $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '14 days' then 'hour' else 'day' end,
        bucket, 'UTC'
    ) as time,
    count(distinct user_id) as users
from users_by_hour
where $__timeFilter(bucket)
    and ('__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring}))
group by 1
order by 1
