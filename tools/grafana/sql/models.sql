-- The read models.
select name as model, flavour, live, state, created_at from tailrace.models order by created_at
