-- Cells of a rollup, from $1 on (null: all), that are not what the rows add up to. Null: the cell is only on the other
-- side. Without the hours $2, or the days they are in.
with counted as (
    select date_trunc('{level}', created_at, 'UTC') as bucket, event_type, count(*) as events
    from analytics_events where $1::timestamptz is null or created_at >= $1 group by 1, 2
),
kept as (
    select bucket, event_type, events from events_by_{level} where $1::timestamptz is null or bucket >= $1
)
select bucket, event_type, counted.events as counted, kept.events as kept
from counted full join kept using (bucket, event_type)
where counted.events is distinct from kept.events
    and date_trunc('{settled}', bucket, 'UTC')
        <> all (select date_trunc('{settled}', late, 'UTC') from unnest($2::timestamptz[]) as late)
order by bucket, event_type
limit $3
