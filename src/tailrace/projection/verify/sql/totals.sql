-- All-time counts beside the sets of users they are made from.
with members as (
    select event_type, count(*) as users from users_by_type group by 1
    union all
    select '', count(*) from users
)
select event_type, coalesce(kept.events, 0) as events, coalesce(kept.users, 0) as users,
    coalesce(members.users, 0) as members
from all_time as kept full join members using (event_type)
