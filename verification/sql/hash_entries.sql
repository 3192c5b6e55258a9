-- Hashes events that were read from the log and that the ledger names for their ids, per UTC day and event type, and the
-- cells of each rollup that they fall into. Postgres writes each value in one way only (jsonb normalizes what a sender
-- wrote), so equal rows have equal text. A sum of hashes doesn't depend on the order. A cell is added once for each of its
-- events, so it needs not be kept until it is complete. Rollups go without the hours $7, and the days they are in: their
-- late events are still on their way. Entries whose id the ledger gives to another entry or to none are not hashed, unless
-- $8: they are rows without a relation, the entry in events and the other one in digest. $2 and $5 are joined, $4 are
-- microseconds since 1970.
with event as materialized (
    select event_id, event_type, user_id, created_at, event.seq, named.seq as named,
        -- the database may refuse the data of a duplicate
        case when named.seq = event.seq or $8 then nullif(event_data, '')::jsonb end as event_data,
        date_trunc('minute', created_at, 'UTC') as minute,
        date_trunc('hour', created_at, 'UTC') as hour,
        date_trunc('day', created_at, 'UTC') as day
    from unnest(
        $1::uuid[], string_to_array($2, E'\x1e'), $3::bigint[], $4::bigint[], string_to_array($5, E'\x1e'), $6::bigint[]
    )
        as event (event_id, event_type, user_id, microseconds, event_data, seq)
    cross join lateral (select 'epoch'::timestamptz + microseconds * interval '1 microsecond' as created_at) as time
    -- offset 0: one look into the index for each, however many the planner expects
    left join lateral (select seq from event_ids where event_ids.event_id = event.event_id offset 0) as named on true
),
counted as (select * from event where event_type <> '' and (named = seq or $8)),
settled as (select * from counted where hour <> all ($7::timestamptz[])),
hashed as (
    select 'analytics_events' as relation, day, event_type, 1 as events,
        row(event_id, event_type, user_id, created_at, event_data, seq)::text as cell
    from counted
    union all
    select 'events_by_minute', day, event_type, count(*), row(minute, event_type)::text
    from settled group by day, event_type, minute
    union all
    select 'events_by_hour', day, event_type, count(*), row(hour, event_type)::text
    from settled group by day, event_type, hour
    union all
    select 'events_by_day', day, event_type, count(*), row(day, event_type)::text
    from counted
    where day <> all (select date_trunc('day', late, 'UTC') from unnest($7::timestamptz[]) as late)
    group by day, event_type
)
select relation, day, event_type, sum(events)::bigint as events,
    sum(events * ('x' || left(md5(cell), 16))::bit(64)::bigint::numeric) as digest
from hashed
group by relation, day, event_type
union all
select null, null, null, seq, named from event where event_id is not null and not $8 and named is distinct from seq
