-- Up to where the log is in the read model. In a snapshot it is read first: everything read after it agrees with it.
-- late_pending: events that the counts per minute, hour and day don't have yet; up to settled_seq they have all. made_at: when the model was made.
select epoch, seq, fingerprint, logged_at, revision, raw_from, settled_seq,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending,
    (select created_at from tailrace.models where live) as made_at
from public.projection_position;
