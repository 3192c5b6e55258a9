-- A part of project_events: notes the hours of late events. The continuous aggregates may have materialized them already,
-- so they need a refresh. Only what is older than 10 minutes is ever materialized; half of that leaves 5 minutes for a
-- transaction to end in.
add_late_ranges as (
    insert into late_ranges as kept (hour, events, gen)
    select date_trunc('hour', created_at, 'UTC'), count(*), 1
    from new
    where created_at < clock_timestamp() - interval '5 minutes'
    group by 1
    on conflict (hour) do update set events = kept.events + excluded.events, gen = kept.gen + 1
)
