-- The newest $4 hours in [$2, $3) with events of the user $5 that are of the types $1, and all hours with late events that
-- the users per hour do not include.
(
    select bucket as hour
    from public.users_by_hour
    where user_id = $5 and event_type = any ($1::text[]) and bucket >= $2 and bucket < $3
    group by bucket
    order by bucket desc
    limit $4
)
union
select hour from public.late_ranges where hour >= $2 and hour < $3
order by hour desc;
