-- The first and the last minute with events (starts of the buckets); one row, with nulls if there are no events.
-- Found through the first and last day and hour: on TimescaleDB, reading all minutes takes longer the more there are.
with days as materialized (
    select min(bucket) as first, max(bucket) as last from public.events_by_day
), hours as materialized (
    select
        (select min(bucket) from public.events_by_hour
            where bucket >= days.first and bucket < days.first + interval '24 hours') as first,
        (select max(bucket) from public.events_by_hour
            where bucket >= days.last and bucket < days.last + interval '24 hours') as last
    from days
)
select
    (select min(bucket) from public.events_by_minute
        where bucket >= hours.first and bucket < hours.first + interval '1 hour') as first_bucket,
    (select max(bucket) from public.events_by_minute
        where bucket >= hours.last and bucket < hours.last + interval '1 hour') as last_bucket
from hours;
