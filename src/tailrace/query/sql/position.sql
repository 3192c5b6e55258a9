-- Up to where the log is in the read model. In a snapshot it is read first: everything read after it agrees with it.
select epoch, seq, mark, logged_at, revision from public.projection_position;
