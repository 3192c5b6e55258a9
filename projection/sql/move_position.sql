-- Compare-and-set: moves from $5 to $2, and only there, so that two projectors can never both count a batch. An empty
-- epoch is a model that has seen nothing yet. Returns the time from which rows are kept (null: all).
update projection_position
set epoch = $1, seq = $2, fingerprint = $3, logged_at = $4
where seq = $5 and epoch in ('', $1)
returning raw_from, revision
