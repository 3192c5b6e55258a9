-- A script: what the projector keeps of the rows in every flavour, from all rows at once. Users in the order in which it
-- would have met them, so that their tables lie on the disk as its own do; ids, which no question reads, in their own.
insert into event_ids (event_id, seq)
select event_id, seq from analytics_events order by event_id;

insert into users (user_id)
select user_id from analytics_events group by user_id order by min(seq);

insert into users_by_type (event_type, user_id)
select event_type, user_id from analytics_events group by 1, 2 order by min(seq);

insert into all_time (event_type, events, users)
select '', count(*), (select count(*) from users) from analytics_events
union all
select event_type, count(*), (select count(*) from users_by_type seen where seen.event_type = event.event_type)
from analytics_events as event group by event_type;
