-- The sets of users of the types $5 (null: all) in whole buckets: the levels $1, from $2 up to $3 (seconds since 1970).
-- Where $4 is true, the sets of all types together instead.
select sets.bucket, sets.event_type, sets.members
from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::boolean[]) as part (level, low, high, together)
cross join lateral (
    select bucket, event_type, members from public.user_sets
    where level = part.level and bucket >= part.low and bucket < part.high
        and (event_type = '') = part.together and ($5::text[] is null or event_type = any ($5))
    offset 0
) as sets;
