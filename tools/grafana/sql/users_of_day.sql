-- Unique users of the UTC day in which the range ends: of all types together, or of the selected types.
select case
    when '__all' in (${event_type:sqlstring}) then coalesce((
        select users from users_by_day
        where event_type = '' and bucket = date_trunc('day', $__timeTo()::timestamptz, 'UTC')
    ), 0)
    else (
        select count(distinct user_id) from analytics_events
        where created_at >= date_trunc('day', $__timeTo()::timestamptz, 'UTC')
            and created_at < date_trunc('day', $__timeTo()::timestamptz, 'UTC') + interval '24 hours'
            and event_type in (${event_type:sqlstring})
    )
end as value
