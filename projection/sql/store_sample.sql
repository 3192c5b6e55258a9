-- Keeps a sample, unless another projection service has just kept one. $1 to $13: the table's columns behind sampled_at;
-- $14: the age in seconds up to which an older sample is enough.
insert into tailrace.pipeline_samples (
    log_first_seq, log_last_seq, log_entries, log_bytes, inbox_waiting, rejected, model, projected_seq, lag_events,
    lag_seconds, parked, late_pending, database_bytes
)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
where not exists (
    select from tailrace.pipeline_samples where sampled_at > now() - make_interval(secs => $14)
)
on conflict do nothing
