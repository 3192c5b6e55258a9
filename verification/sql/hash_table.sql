-- The same hashes of the rows that the table holds.
select 'analytics_events' as relation, date_trunc('day', created_at, 'UTC') as day, event_type, count(*) as events,
    sum(('x' || left(md5(row(event_id, event_type, user_id, created_at, event_data, seq)::text), 16))::bit(64)::bigint)
        as digest
from analytics_events
group by day, event_type
