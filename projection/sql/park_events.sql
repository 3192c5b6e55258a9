-- Keeps what can't be projected, with the reason.
insert into parked_events (seq, event_id, code, reason, payload, logged_at)
select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])
