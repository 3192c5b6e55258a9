-- The position of the read model in the log. It is read first in a snapshot, so everything read later agrees with it.
-- late_pending: events that the counts per minute, hour and day do not include yet; they include all up to settled_seq.
-- made_at: when the model was created.
select epoch, seq, fingerprint, logged_at, revision, raw_from, settled_seq,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending,
    (select created_at from tailrace.models where live) as made_at
from public.projection_position;
