-- A part of project_events, for a small batch in a single statement: moves the model and the ledger from $17 to $14, $1, $15
-- (logged at $16), and adds the number of new users $21, whose ordinals begin at $20 (null: there is none). Nothing moves if
-- an id of $8 is claimed already, the model's revision is not $18, or it does not keep rows of the time $19.
repeated as (
    select from unnest($8::uuid[]) as sent (event_id) join event_ids using (event_id)
),
model as (
    update projection_position set epoch = $14, seq = $1, fingerprint = $15, logged_at = $16
    where seq = $17 and epoch in ('', $14) and revision = $18 and (raw_from is null or raw_from <= $19)
        and not exists (select from repeated)
    returning true
),
moved as (
    update ledger_position
    set epoch = $14, seq = $1, fingerprint = $15, users = users + cardinality($21::bigint[])
    where seq = $17 and epoch in ('', $14) and users = coalesce($20, users) and exists (select from model)
    returning true
)
