-- Readers see the ledger as public.event_ids. The views in public are made anew after every migration, this one too.
comment on table event_ids is 'Which log entry counts for an event id; public.event_ids to readers.';
