-- The newest events of the range.
select created_at as time, event_type, user_id, event_data::text as data
from analytics_events
where $__timeFilter(created_at)
    and ('__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring}))
order by created_at desc
limit 20
