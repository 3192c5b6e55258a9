-- Users per hour, from $1 on (null: all), that are only in the rows (counted) or only in the relation (kept). Without the
-- hours $2.
with counted as (
    select distinct date_trunc('hour', created_at, 'UTC') as bucket, event_type, user_id
    from analytics_events where $1::timestamptz is null or created_at >= $1
),
kept as (
    select bucket, event_type, user_id from users_by_hour where $1::timestamptz is null or bucket >= $1
)
select bucket, event_type, user_id, counted is not null as counted, kept is not null as kept
from counted full join kept using (bucket, event_type, user_id)
where (counted is null or kept is null) and bucket <> all ($2::timestamptz[])
order by bucket, event_type, user_id
limit $3
