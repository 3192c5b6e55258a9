-- The newest $4 hours in [$2, $3) with events of the types $1, and all hours with late events that the counts do not
-- include.
(
    select bucket as hour, false as is_late
    from public.events_by_hour
    where event_type = any ($1::text[]) and bucket >= $2 and bucket < $3
    group by bucket
    order by bucket desc
    limit $4
)
union all
select hour, true from public.late_ranges where hour >= $2 and hour < $3;
