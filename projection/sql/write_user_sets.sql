-- Replaces the sets of the cells $1 (levels), $2 (buckets), $3 (event types); $4 are their sizes, $5 their bitmaps.
insert into user_sets (level, bucket, event_type, users, members)
select * from unnest($1::smallint[], $2::bigint[], $3::text[], $4::integer[], $5::bytea[])
on conflict (level, bucket, event_type) do update set users = excluded.users, members = excluded.members
