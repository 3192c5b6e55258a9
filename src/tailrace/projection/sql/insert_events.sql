-- Inserts new events and adds them to the users and the all-time counts.
with rows as (
    insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, seq
    from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[])
        as event (event_id, event_type, user_id, created_at, event_data, seq)
    returning event_type, user_id
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
select event_type, count(*), (select count(*) from new_users_by_type n where n.event_type = rows.event_type)
from rows group by event_type
on conflict (event_type) do update
set events = kept.events + excluded.events, users = kept.users + excluded.users
