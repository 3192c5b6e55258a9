-- The views of models that the previous release made, for a rollback to one of them: exactly as that release has them,
-- so that it can be started again.
create or replace view public.projection_position as
    select epoch, seq, mark, logged_at, revision, log_from, raw_from, settled_seq
    from projection_position;
create or replace view public.analytics_events as
    select event_id, event_type, user_id, created_at, event_data, seq from analytics_events;
create or replace view public.event_ids as select event_id, seq from event_ids;
create or replace view public.events_by_minute as select bucket, event_type, events from events_by_minute;
create or replace view public.events_by_hour as select bucket, event_type, events from events_by_hour;
create or replace view public.events_by_day as select bucket, event_type, events from events_by_day;
create or replace view public.users_by_hour as select bucket, event_type, user_id from users_by_hour;
create or replace view public.users as select user_id from users;
create or replace view public.users_by_type as select event_type, user_id from users_by_type;
create or replace view public.all_time as select event_type, events, users from all_time;
create or replace view public.late_ranges as select hour, events from late_ranges;
create or replace view public.log_gaps as select first_seq, last_seq, noted_at from log_gaps;
create or replace view public.parked_events as
    select seq, event_id, code, reason, payload, logged_at, parked_at from parked_events;
