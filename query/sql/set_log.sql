-- The users of recent batches, which are not in the sets yet.
select event_types, packed from public.set_log;
