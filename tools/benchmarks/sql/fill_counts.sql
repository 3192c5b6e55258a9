-- A script: what the projector keeps of the rows in every flavour, from all rows at once. Users in the order in which it
-- would have met them, so that their tables lie on the disk as its own do; ids, which no question reads, in their own.
insert into event_ids (event_id, seq)
select event_id, seq from analytics_events order by event_id;

insert into users (user_id, ordinal)
select user_id, row_number() over (order by min(seq)) - 1 from analytics_events group by user_id;

update ledger_position set users = (select count(*) from users);

insert into all_time (event_type, events, users)
select '', count(*), (select count(*) from users) from analytics_events
union all
select event_type, count(*), count(distinct user_id) from analytics_events group by event_type;
