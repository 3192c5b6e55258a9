-- Stores new rows and adds them to every count. {roll_up} is the flavour's own part, roll_up.<flavour>.sql; {batch} is a
-- temporary table or arrays, {types} and {users} are the new users per type. Sorted, because neighbours in an index cost less than scattered rows.
with new as {materialized} (
    select event_id, event_type, user_id, created_at, event_data, seq from {batch}
),
add_rows as (
    insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, seq from new
    order by created_at
),
add_all_time as (
    insert into all_time as kept (event_type, events, users)
    select event_type, sum(events), sum(users)
    from (
        select '', count(*), 0 from new
        union all select event_type, count(*), 0 from new group by event_type
        union all select event_type, 0, users from unnest({types}::text[], {users}::bigint[]) as seen (event_type, users)
    ) as counted (event_type, events, users)
    group by event_type
    order by event_type
    on conflict (event_type) do update
    set events = kept.events + excluded.events, users = kept.users + excluded.users
),
{roll_up}
select
