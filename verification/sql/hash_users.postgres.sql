-- The same hashes of users per hour. Here the relation doesn't say how many events each has: the rows do, which are
-- compared with the log for themselves; a user without one counts once. Without the hours $1.
with counted as (
    select date_trunc('hour', created_at, 'UTC') as bucket, event_type, user_id, count(*) as events
    from analytics_events group by 1, 2, 3
),
kept as (
    select bucket, event_type, user_id, coalesce(counted.events, 1) as events
    from users_by_hour left join counted using (bucket, event_type, user_id)
    where bucket <> all ($1::timestamptz[])
)
select 'users_by_hour' as relation, date_trunc('day', bucket, 'UTC') as day, event_type, sum(events)::bigint as events,
    sum(events * ('x' || left(md5(row(bucket, event_type, user_id)::text), 16))::bit(64)::bigint::numeric) as digest
from kept
group by day, event_type
