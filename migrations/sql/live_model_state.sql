-- Where the live model is, and what waits outside its counts.
select
    models.name,
    models.flavour,
    epoch,
    seq,
    fingerprint,
    logged_at,
    revision,
    (select count(*) from public.parked_events) as parked,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending
from public.projection_position, tailrace.models
where models.live
