-- Cells of a rollup that are not what the rows add up to. Null: the cell is only on the other side.
with counted as (
    select date_trunc('{level}', created_at, 'UTC') as bucket, event_type, count(*) as events
    from analytics_events group by 1, 2
)
select bucket, event_type, counted.events as counted, kept.events as kept
from counted full join events_by_{level} as kept using (bucket, event_type)
where counted.events is distinct from kept.events
order by bucket, event_type
limit $1
