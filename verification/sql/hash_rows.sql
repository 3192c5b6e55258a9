-- Hashes rows that were read from the log, per UTC day and event type, and the cells of each rollup that they fall into.
-- Postgres writes each value in one way only (jsonb normalizes what a sender wrote), so equal rows have equal text. A sum
-- of hashes doesn't depend on the order. A cell is added once for each of its events, so it needs not be kept until it is
-- complete. Rollups go without the hours $7, and the days they are in: their late events are still on their way.
with event as materialized (
    select event_id, event_type, user_id, created_at, event_data::jsonb as event_data, seq,
        date_trunc('minute', created_at, 'UTC') as minute,
        date_trunc('hour', created_at, 'UTC') as hour,
        date_trunc('day', created_at, 'UTC') as day
    from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[])
        as event (event_id, event_type, user_id, created_at, event_data, seq)
),
settled as (select * from event where hour <> all ($7::timestamptz[])),
hashed as (
    select 'analytics_events' as relation, day, event_type, 1 as events,
        row(event_id, event_type, user_id, created_at, event_data, seq)::text as cell
    from event
    union all
    select 'events_by_minute', day, event_type, count(*), row(minute, event_type)::text
    from settled group by day, event_type, minute
    union all
    select 'events_by_hour', day, event_type, count(*), row(hour, event_type)::text
    from settled group by day, event_type, hour
    union all
    select 'events_by_day', day, event_type, count(*), row(day, event_type)::text
    from event
    where day <> all (select date_trunc('day', late, 'UTC') from unnest($7::timestamptz[]) as late)
    group by day, event_type
)
select relation, day, event_type, sum(events)::bigint as events,
    sum(events * ('x' || left(md5(cell), 16))::bit(64)::bigint::numeric) as digest
from hashed
group by relation, day, event_type
