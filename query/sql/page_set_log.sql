-- The visitors of recent batches.
select cells from public.pages_set_log;
