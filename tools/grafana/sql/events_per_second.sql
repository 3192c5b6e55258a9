-- Events per second in the last full minute.
select coalesce(sum(events), 0) / 60.0 as value
from events_by_minute
where bucket = date_trunc('minute', now()) - interval '1 minute'
    and ('__all' in (${event_type:sqlstring}) or event_type in (${event_type:sqlstring}))
