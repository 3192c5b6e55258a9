-- Where the live model is, for a sample of the pipeline.
select
    (select name from tailrace.models where live) as model,
    epoch,
    seq,
    fingerprint,
    (select count(*) from public.parked_events) as parked,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending,
    pg_database_size(current_database()) as database_bytes
from public.projection_position
