-- The stored sets of the cells $1 (levels), $2 (buckets), $3 (event types).
select sets.level, sets.bucket, sets.event_type, sets.members
from unnest($1::smallint[], $2::bigint[], $3::text[]) as cell (level, bucket, event_type)
join user_sets as sets using (level, bucket, event_type)
