-- Unique users in the hours that the range touches.
select count(distinct user_id) as value
from users_by_hour
where bucket >= date_trunc('hour', $__timeFrom()::timestamptz, 'UTC') and bucket <= $__timeTo()::timestamptz
    and ('__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring}))
