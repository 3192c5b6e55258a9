-- Stable names in public for readers, over the model and the ledger that search_path names. The position comes first: a
-- cutover locks it first too, so no reader sees an old position with new rows.
create or replace view public.projection_position as
    select epoch, seq, fingerprint, logged_at, revision, log_from, raw_from, settled_seq, sets_seq, keeps_pages
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
-- the rollup `pages` as its readers need it: counts, sets of visitors, and visitors of recent batches
create or replace view public.pages_cells_day as select bucket, other, path, event_type, events from pages_cells_day;
create or replace view public.pages_members as
    select level, bucket, key, other, path, event_type, users, members from pages_members;
create or replace view public.pages_set_log as select cells from pages_set_log;
-- The same for people; visitors of the last minute may be missing. By expressions, since null is not equal to null.
create or replace view public.pages as
    select cell.bucket, cell.path, cell.event_type, cell.other, cell.events, coalesce(sets.users, 0) as visitors
    from pages_cells_day as cell left join pages_members as sets
        on sets.bucket = cell.bucket and sets.other = cell.other
        and coalesce(sets.path, '') = coalesce(cell.path, '') and (sets.path is null) = (cell.path is null)
        and coalesce(sets.event_type, '') = coalesce(cell.event_type, '');
