-- Who was seen in which hour (UTC) with which event type: unique users of a range are counted from these.
create table users_by_hour (
    bucket timestamptz not null,
    event_type text not null,
    user_id bigint not null,
    primary key (bucket, event_type, user_id)
);
insert into users_by_hour (bucket, event_type, user_id)
select distinct date_trunc('hour', created_at, 'UTC'), event_type, user_id from analytics_events;
