-- Null if [$1, $2) has at most $3 events. Otherwise the start of its earliest hour from which on there are at most $3
-- events; without one, of the earliest such minute in the last hour with events, or of the last minute with events.
with hours as materialized (
    select bucket, sum(sum(events)) over (order by bucket desc) as total
    from public.events_by_hour
    where bucket >= $1 and bucket < $2
    group by bucket
), last_hour as materialized (select max(bucket) as bucket from hours), minutes as materialized (
    select minute.bucket, sum(sum(minute.events)) over (order by minute.bucket desc) as total
    from public.events_by_minute as minute, last_hour
    where minute.bucket >= last_hour.bucket and minute.bucket < last_hour.bucket + interval '1 hour'
        and minute.bucket < $2 and not exists (select from hours where total <= $3)
    group by minute.bucket
)
select case when (select max(total) from hours) > $3 then coalesce(
    (select min(bucket) from hours where total <= $3),
    (select min(bucket) from minutes where total <= $3),
    (select max(bucket) from minutes)
) end as start;
