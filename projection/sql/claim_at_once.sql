-- A part of project_events behind move_at_once: claims the ids of new, and adds the new users $21.
claimed as (
    insert into event_ids (event_id, seq)
    select event_id, seq from new where exists (select from moved)
    order by event_id
    on conflict (event_id) do nothing
    returning true
),
added as (
    insert into users (user_id, ordinal)
    select user_id, $20::bigint + number - 1
    from unnest($21::bigint[]) with ordinality as fresh (user_id, number) where exists (select from moved)
    on conflict (user_id) do nothing
    returning true
)
