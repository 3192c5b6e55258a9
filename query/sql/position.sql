-- The position of the read model in the log. It is read first in a snapshot, so everything read later agrees with it.
-- late_pending: events that the counts per minute, hour and day do not include yet; they include all up to settled_seq.
-- made_at: when the model was created. mark: the fingerprint in the previous generation.
select epoch, seq, logged_at, revision, raw_from, settled_seq, models.generation, models.created_at as made_at,
    coalesce(to_jsonb(position) ->> 'fingerprint', to_jsonb(position) ->> 'mark') as fingerprint,
    (select coalesce(sum(events), 0)::bigint from public.late_ranges) as late_pending,
    coalesce((to_jsonb(position) ->> 'keeps_pages')::boolean, false) as keeps_pages
from public.projection_position as position, tailrace.models
where models.live;
