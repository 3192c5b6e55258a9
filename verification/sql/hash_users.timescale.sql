-- The same hashes of users per hour, each as often as there are events. Without the hours $1.
select 'users_by_hour' as relation, date_trunc('day', bucket, 'UTC') as day, event_type, sum(events)::bigint as events,
    sum(events * ('x' || left(md5(row(bucket, event_type, user_id)::text), 16))::bit(64)::bigint::numeric) as digest
from users_by_hour
where bucket <> all ($1::timestamptz[])
group by day, event_type
