-- Returns the ordinals of the users $1; new users get the next ones, from $2 on. ledger_position must be locked: another
-- projector may add the same users.
with fresh as materialized (
    select user_id, $2::bigint + row_number() over (order by user_id) - 1 as ordinal
    from unnest($1::bigint[]) as wanted (user_id)
    where not exists (select from users where users.user_id = wanted.user_id)
),
added as (
    insert into users (user_id, ordinal) select user_id, ordinal from fresh
),
counted as (
    update ledger_position set users = users + (select count(*) from fresh) where exists (select from fresh)
)
select user_id, ordinal from fresh
union all
select user_id, ordinal from users where user_id = any ($1::bigint[])
