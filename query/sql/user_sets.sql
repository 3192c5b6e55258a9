-- The sets of users of the types $4 (null: all) in whole buckets: the levels $1, from $2 up to $3 (seconds since 1970).
select sets.bucket, sets.event_type, sets.members
from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as part (level, low, high)
cross join lateral (
    select bucket, event_type, members from public.user_sets
    where level = part.level and bucket >= part.low and bucket < part.high
        and event_type <> '' and ($4::text[] is null or event_type = any ($4))
    offset 0
) as sets;
