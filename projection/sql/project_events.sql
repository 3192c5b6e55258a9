-- The parts of a statement that store new rows and add them to every count. {roll_up} is the flavour's own part,
-- roll_up.<flavour>.sql; {users} is add_batch_users.sql, or nothing if that is a statement of its own; {batch} is a temporary
-- table or the arrays $8 to $13. Sorted, because neighbours in an index cost less than scattered rows.
new as {materialized} (
    select event_id, event_type, user_id, created_at, event_data, seq from {batch}
),
add_rows as (
    insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
    select event_id, event_type, user_id, created_at, event_data::jsonb, seq from new
    order by created_at
),
{users}
{roll_up}
