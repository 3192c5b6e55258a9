-- A script: the rollups of all rows, where they are plain tables. In the order in which the projector would have met
-- their buckets, so that they lie on the disk as its own do.
insert into events_by_minute (bucket, event_type, events)
select date_trunc('minute', created_at, 'UTC'), event_type, count(*) from analytics_events group by 1, 2 order by min(seq);

insert into events_by_hour (bucket, event_type, events)
select date_trunc('hour', created_at, 'UTC'), event_type, count(*) from analytics_events group by 1, 2 order by min(seq);

insert into events_by_day (bucket, event_type, events)
select date_trunc('day', created_at, 'UTC'), event_type, count(*) from analytics_events group by 1, 2 order by min(seq);
