-- Counts the event ids that only the live model's ledger has. Of one log, ids behind the candidate are not lost.
-- {old}, {new}: the models; {old_ledger}, {new_ledger}: their ledgers.
select count(*)
  from {old_ledger}.event_ids claimed, {old}.projection_position old, {new}.projection_position new
 where claimed.seq <= old.seq
   and (old.epoch <> new.epoch or claimed.seq <= new.seq)
   and not exists (select from {new_ledger}.event_ids kept where kept.event_id = claimed.event_id)
