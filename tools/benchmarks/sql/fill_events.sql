-- Mock events as rows, each made from the number of its log entry alone: those of the entries $1 to $2, of $3 users,
-- scattered over the $4 before $5, their types and data among $6 and $7. Every $8th entry repeats an event: it is no row.
insert into analytics_events (event_id, event_type, user_id, created_at, event_data, seq)
select
    md5('event ' || entry)::uuid,
    event_type,
    (hashint8extended(entry, 1) & x'7fffffffffffffff'::bigint) % $3::bigint,
    $5::timestamptz - $4::interval * ((hashint8extended(entry, 2) & x'fffffffffffff'::bigint)::float8 / x'10000000000000'::bigint),
    event_data::jsonb,
    entry
from generate_series($1::bigint, $2::bigint) as entry
join unnest($6::text[], $7::text[]) with ordinality as step (event_type, event_data, nth)
    on nth = 1 + (hashint8extended(entry, 3) & x'7fffffffffffffff'::bigint) % cardinality($6::text[])
where entry % $8::bigint <> 0
order by entry
