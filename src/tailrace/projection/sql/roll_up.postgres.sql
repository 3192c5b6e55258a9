-- Adds new events (their types, users and times) to the counts per minute, hour and day, and to the users per hour.
with event as (
    select * from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as event (event_type, user_id, created_at)
),
minutes as (
    select date_trunc('minute', created_at, 'UTC') as bucket, event_type, count(*) as events
    from event group by 1, 2
),
add_minutes as (
    insert into events_by_minute as kept (bucket, event_type, events)
    select bucket, event_type, events from minutes
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
),
add_hours as (
    insert into events_by_hour as kept (bucket, event_type, events)
    select date_trunc('hour', bucket, 'UTC'), event_type, sum(events) from minutes group by 1, 2
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
),
add_days as (
    insert into events_by_day as kept (bucket, event_type, events)
    select date_trunc('day', bucket, 'UTC'), event_type, sum(events) from minutes group by 1, 2
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
)
insert into users_by_hour (bucket, event_type, user_id)
select distinct date_trunc('hour', created_at, 'UTC'), event_type, user_id from event
on conflict do nothing
