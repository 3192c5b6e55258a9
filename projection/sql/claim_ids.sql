-- Claims event ids for log entries; returns the entries that got theirs. The others are repetitions.
insert into event_ids (event_id, seq)
select * from unnest($1::uuid[], $2::bigint[])
on conflict (event_id) do nothing
returning seq
