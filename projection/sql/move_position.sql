-- A part of claim_ids. Compare-and-set: moves the model from $4 to $2, and only there, so that two projectors can never both
-- count a batch. An empty epoch is a model that has seen nothing yet. Returns the time from which rows are kept (null: all), and
-- whether the model keeps pages.
model as (
    update projection_position
    set epoch = $1, seq = $2, fingerprint = $3, logged_at = $7
    where seq = $4 and epoch in ('', $1)
    returning raw_from, revision, keeps_pages
),
