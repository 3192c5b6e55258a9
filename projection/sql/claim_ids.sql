-- Compare-and-set: moves the ledger from $4 to the position $1, $2, $3 and claims the ids of the entries after $4: those in
-- {batch}, a temporary table, and the ids $5 of the entries $6. Records and returns the entries whose ids an earlier entry
-- has claimed, and the number of users. Sorted, because neighbours in an index cost less. {model} is move_position.sql, which
-- moves a model from the same position first, or nothing.
with {model}
moved as (
    update ledger_position set epoch = $1, seq = $2, fingerprint = $3
    where seq = $4 and epoch in ('', $1){only_if}
    returning users
),
claim as materialized (
    select event_id, seq from ({batch}select * from unnest($5::uuid[], $6::bigint[])) as claim (event_id, seq)
    where seq > $4 and exists (select from moved)
),
claimed as (
    insert into event_ids (event_id, seq)
    select event_id, seq from claim order by event_id, seq
    on conflict (event_id) do nothing
    returning seq
),
duplicate as materialized (
    select seq from claim where (seq in (select seq from claimed)) is not true
),
recorded as (
    insert into duplicates (first_seq, last_seq)
    select min(seq), max(seq)
    from (select seq, seq - row_number() over (order by seq) as island from duplicate) as numbered
    group by island
)
select
    exists (select from moved) as moved, (select users from moved) as users,
    array(select seq from duplicate) as duplicates{columns}
