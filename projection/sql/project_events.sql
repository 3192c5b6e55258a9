-- Stores new rows and adds them to every count. {roll_up} is the flavour's own part, roll_up.<flavour>.sql; {batch} is a
-- temporary table or arrays. Sorted, because neighbours in an index cost less than scattered rows.
with new as {materialized} (
    select event_id, event_type, user_id, created_at, event_data, seq from {batch}
),
add_rows as (
    insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, seq from new
    order by created_at
),
new_users as (
    insert into users (user_id)
    select distinct user_id from new
    order by user_id
    on conflict (user_id) do nothing
    returning user_id
),
new_users_by_type as (
    insert into users_by_type (event_type, user_id)
    select distinct event_type, user_id from new
    order by event_type, user_id
    on conflict (event_type, user_id) do nothing
    returning event_type
),
add_all_time as (
    insert into all_time as kept (event_type, events, users)
    select event_type, sum(events), sum(users)
    from (
        select '', 1, 0 from new
        union all select '', 0, 1 from new_users
        union all select event_type, 1, 0 from new
        union all select event_type, 0, 1 from new_users_by_type
    ) as counted (event_type, events, users)
    group by event_type
    order by event_type
    on conflict (event_type) do update
    set events = kept.events + excluded.events, users = kept.users + excluded.users
),
{roll_up}
select
