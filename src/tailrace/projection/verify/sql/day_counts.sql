-- What a rollup says of each day before $1, per type.
select date_trunc('day', bucket, 'UTC') as day, event_type, sum(events)::bigint as events
from events_by_{level} where bucket < $1 group by 1, 2
