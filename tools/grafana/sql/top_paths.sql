-- The most frequent paths in the range. Reads every event of the range, since no rollup has properties.
select event_data ->> 'path' as path, count(*) as events
from analytics_events
where $__timeFilter(created_at) and event_data ->> 'path' is not null
    and ('__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring}))
group by 1
order by 2 desc, 1
limit 20
