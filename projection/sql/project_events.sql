-- Stores new rows and adds them to every count. {roll_up} is the flavour's own part, roll_up.<flavour>.sql; {batch} is a
-- temporary table or the arrays $8 to $13. $1, $2, $6, $7 are a row of set_log; $3 to $5 are the types, with their events
-- and new users. Sorted, because neighbours in an index cost less than scattered rows.
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
    select event_type, events, users from unnest($3::text[], $4::bigint[], $5::bigint[]) as seen (event_type, events, users)
    order by event_type
    on conflict (event_type) do update
    set events = kept.events + excluded.events, users = kept.users + excluded.users
),
add_users as (
    insert into set_log (seq, events, event_types, packed) values ($1, $2, $6, $7)
),
{roll_up}
select
