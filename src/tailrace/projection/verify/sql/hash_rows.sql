-- Hashes rows that were read from the log, per UTC day and event type. Postgres writes each value in one way only
-- (jsonb normalizes what a sender wrote), so equal rows have equal text. A sum of hashes doesn't depend on the order.
select date_trunc('day', created_at, 'UTC') as day, event_type, count(*) as events,
    sum(('x' || left(md5(row(event_id, event_type, user_id, created_at, event_data::jsonb, seq)::text), 16))::bit(64)::bigint)
        as digest
from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[])
    as event (event_id, event_type, user_id, created_at, event_data, seq)
group by 1, 2
