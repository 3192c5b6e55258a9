-- Events per bucket and type in [$2, $9), exact to the microsecond, each stretch from the coarsest table that holds it:
--
--   $2 ...raw... $3 ..minutes.. $4 ..hours.. $5 ..days.. $6 ..hours.. $7 ..minutes.. $8 ...raw... $9
--
-- Stretches may be empty. $1 is the bucket's unit for date_trunc, $10 the event types wanted (null: all).
select date_trunc($1, at, 'UTC') as bucket, event_type, sum(events)::bigint as events
from (
    select bucket as at, event_type, events from public.events_by_day
    where bucket >= $5 and bucket < $6
    union all
    select bucket, event_type, events from public.events_by_hour
    where (bucket >= $4 and bucket < $5) or (bucket >= $6 and bucket < $7)
    union all
    select bucket, event_type, events from public.events_by_minute
    where (bucket >= $3 and bucket < $4) or (bucket >= $7 and bucket < $8)
    union all
    select created_at, event_type, 1 from public.analytics_events
    where (created_at >= $2 and created_at < $3) or (created_at >= $8 and created_at < $9)
) as stretches
where $10::text[] is null or event_type = any ($10)
group by 1, 2
order by 1, event_type collate "C";
