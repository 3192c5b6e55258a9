-- All-time counts that are not what the rows add up to, and those that the sets of users don't bear out.
with counted as (
    select coalesce(event_type, '') as event_type, count(*) as events, count(distinct user_id) as users
    from analytics_events group by grouping sets ((event_type), ())
),
members as (
    select event_type, count(*) as users from users_by_type group by 1
    union all
    select '', count(*) from users
)
select event_type, counted.events, counted.users, kept.events as kept_events, kept.users as kept_users,
    members.users as members
from counted full join all_time as kept using (event_type) full join members using (event_type)
where coalesce(counted.events, 0) <> coalesce(kept.events, 0)
    or coalesce(counted.users, 0) <> coalesce(kept.users, 0)
    or coalesce(counted.users, 0) <> coalesce(members.users, 0)
order by event_type
limit $1
