-- A part of project_events: adds new events to the counts per minute, hour and day. date_bin costs half of date_trunc.
minutes as (
    select date_bin('1 minute', created_at, '2000-01-01T00:00:00Z') as bucket, event_type, count(*) as events
    from new group by 1, 2
),
add_minutes as (
    insert into events_by_minute as kept (bucket, event_type, events)
    select bucket, event_type, events from minutes
    order by 1, 2
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
),
add_hours as (
    insert into events_by_hour as kept (bucket, event_type, events)
    select date_trunc('hour', bucket, 'UTC'), event_type, sum(events) from minutes group by 1, 2
    order by 1, 2
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
),
add_days as (
    insert into events_by_day as kept (bucket, event_type, events)
    select date_trunc('day', bucket, 'UTC'), event_type, sum(events) from minutes group by 1, 2
    order by 1, 2
    on conflict (bucket, event_type) do update set events = kept.events + excluded.events
)
