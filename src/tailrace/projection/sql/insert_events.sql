-- Inserts new events and adds them to every count that is kept, all from the same rows.
with rows as (
    insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, seq
    from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[])
        as event (event_id, event_type, user_id, created_at, event_data, seq)
    returning event_type, user_id, created_at
),
minutes as (
    select date_trunc('minute', created_at, 'UTC') as bucket, event_type, count(*) as events
    from rows group by 1, 2
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
),
new_users as (
    insert into users (user_id)
    select distinct user_id from rows
    on conflict (user_id) do nothing
    returning user_id
),
new_users_by_type as (
    insert into users_by_type (event_type, user_id)
    select distinct event_type, user_id from rows
    on conflict (event_type, user_id) do nothing
    returning event_type
)
insert into all_time as kept (event_type, events, users)
select '', (select count(*) from rows), (select count(*) from new_users)
union all
select event_type, sum(events), (select count(*) from new_users_by_type n where n.event_type = minutes.event_type)
from minutes group by event_type
on conflict (event_type) do update
set events = kept.events + excluded.events, users = kept.users + excluded.users
