-- Counts the event ids that only the live model's ledger has, and events that only the candidate has parked. Of one log,
-- ids behind the candidate are not lost. {old}, {new}: the models; {old_ledger}, {new_ledger}: their ledgers.
select
    (
        select count(*)
        from {old_ledger}.event_ids as claimed
        where claimed.seq <= old.seq
            and (old.epoch <> new.epoch or claimed.seq <= new.seq)
            and not exists (select from {new_ledger}.event_ids as kept where kept.event_id = claimed.event_id)
    ) + greatest(
        (select count(*) from {new}.parked_events where old.epoch = new.epoch and seq <= old.seq)
        - (select count(*) from {old}.parked_events), 0
    )
from {old}.projection_position as old, {new}.projection_position as new
