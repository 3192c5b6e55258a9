-- Stable names in public for readers, over the model and the ledger that search_path names. The position comes first: a
-- cutover locks it first too, so no reader sees an old position with new rows.
create or replace view public.projection_position as
    select epoch, seq, fingerprint, logged_at, revision, log_from, raw_from, settled_seq, sets_seq
    from projection_position;
create or replace view public.analytics_events as
    select event_id, event_type, user_id, created_at, event_data, seq from analytics_events;
-- the ledger may be ahead of the model
create or replace view public.event_ids as
    select event_id, seq from event_ids where seq <= (select position.seq from projection_position as position);
create or replace view public.events_by_minute as select bucket, event_type, events from events_by_minute;
create or replace view public.events_by_hour as select bucket, event_type, events from events_by_hour;
create or replace view public.events_by_day as select bucket, event_type, events from events_by_day;
create or replace view public.users as select user_id, ordinal from users;
create or replace view public.user_sets as select level, bucket, event_type, users, members from user_sets;
create or replace view public.set_log as select event_types, packed from set_log;
-- distinct users of UTC hours and days, up to the log entry seq; the row '' is all types
create or replace view public.users_by_hour as
    select to_timestamp(bucket) as bucket, event_type, users, position.sets_seq as seq
    from user_sets cross join projection_position as position where level = 2;
create or replace view public.users_by_day as
    select to_timestamp(bucket) as bucket, event_type, users, position.sets_seq as seq
    from user_sets cross join projection_position as position where level = 1;
create or replace view public.all_time as select event_type, events, users from all_time;
create or replace view public.late_ranges as select hour, events from late_ranges;
create or replace view public.log_gaps as select first_seq, last_seq, noted_at from log_gaps;
create or replace view public.parked_events as
    select seq, event_id, code, reason, payload, logged_at, parked_at from parked_events;
