-- A part of project_events, for a small batch in a single statement: moves the model and the ledger from $17 to $14, $1, $15
-- (logged at $16) and claims the ids of new. The model's revision must be $18, and it must keep rows of the time $19. If any
-- of that does not hold, or an id is claimed already, fewer than $2 are claimed: the statement then divides by zero.
model as (
    update projection_position set epoch = $14, seq = $1, fingerprint = $15, logged_at = $16
    where seq = $17 and epoch in ('', $14) and revision = $18 and (raw_from is null or raw_from <= $19)
    returning true
),
moved as (
    update ledger_position set epoch = $14, seq = $1, fingerprint = $15
    where seq = $17 and epoch in ('', $14) and exists (select from model)
    returning true
),
claimed as (
    insert into event_ids (event_id, seq)
    select event_id, seq from new where exists (select from moved)
    order by event_id
    on conflict (event_id) do nothing
    returning seq
)
