-- Where the live model is, and what waits outside its counts. mark: the fingerprint in the previous generation.
select
    models.name,
    models.flavour,
    epoch,
    seq,
    coalesce(to_jsonb(position) ->> 'fingerprint', to_jsonb(position) ->> 'mark') as fingerprint,
    logged_at,
    revision,
    (select count(*) from public.parked_events) as parked,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending,
    models.generation
from public.projection_position as position, tailrace.models
where models.live
