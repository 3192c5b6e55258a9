-- The newest $5 minutes in [$3, $4) with events of the types $1, within the hours $2 (newest first). Hours are read one
-- by one, so reading ends when there are enough minutes.
select minute.bucket
from unnest($2::timestamptz[]) with ordinality as hour (bucket, nth)
cross join lateral (
    select bucket
    from public.events_by_minute
    where bucket >= hour.bucket and bucket < hour.bucket + interval '1 hour'
        and bucket >= $3 and bucket < $4
        and event_type = any ($1::text[])
    group by bucket
) as minute
order by hour.nth, minute.bucket desc
limit $5;
