-- A part of project_events: adds a batch's users. $1, $2, $6, $7 are a row of set_log; $3 to $5 are the types, with their
-- events and new users. {only_if} is a condition.
add_all_time as (
    insert into all_time as kept (event_type, events, users)
    select event_type, events, users from unnest($3::text[], $4::bigint[], $5::bigint[]) as seen (event_type, events, users)
    where {only_if}
    order by event_type
    on conflict (event_type) do update
    set events = kept.events + excluded.events, users = kept.users + excluded.users
),
add_users as (
    insert into set_log (seq, events, event_types, packed) select $1, $2, $6, $7 where {only_if}
)
