-- Unique users per hour, in ranges of more than two weeks per day (UTC): of all types together, or of each selected type.
select bucket as time, case event_type when '' then 'all types' else event_type end as metric, users
from (
    select 'hour' as level, bucket, event_type, users from users_by_hour
    union all
    select 'day', bucket, event_type, users from users_by_day
) as counted
where level = case when $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '14 days' then 'hour' else 'day' end
    and $__timeFilter(bucket)
    and (('__all' in (${event_type:sqlstring}) and event_type = '') or event_type in (${event_type:sqlstring}))
order by bucket, event_type
