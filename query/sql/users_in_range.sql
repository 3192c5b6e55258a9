-- Counts the users with events in [$1, $4): per type, and in the row '' of all types. Whole hours, [$2, $3), are
-- counted from the users per hour, the parts before and after them from the events. $5: the types (null: all).
-- Pairs of type and user are found once, by hashing: count(distinct) would sort every hour's users twice.
with seen as materialized (
    select event_type, user_id
    from (
        select event_type, user_id from public.users_by_hour
        where bucket >= $2 and bucket < $3
        union all
        select event_type, user_id from public.analytics_events
        where (created_at >= $1 and created_at < $2) or (created_at >= $3 and created_at < $4)
    ) as rows
    where $5::text[] is null or event_type = any ($5)
    group by event_type, user_id
)
select event_type, count(*) as users from seen group by event_type
union all
select '', count(*) from (select from seen group by user_id) as users;
