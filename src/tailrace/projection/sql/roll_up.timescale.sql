-- Notes the hours of late events: the continuous aggregates may have materialized them already, so they need a refresh.
-- Only what is older than 10 minutes is ever materialized; half of that leaves 5 minutes for a transaction to end in.
insert into late_ranges as kept (hour, events, gen)
select date_trunc('hour', created_at, 'UTC'), count(*), 1
from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as event (event_type, user_id, created_at)
where created_at < clock_timestamp() - interval '5 minutes'
group by 1
on conflict (hour) do update set events = kept.events + excluded.events, gen = kept.gen + 1
