-- Telegraf writes with COPY, which has no "on conflict": a view takes its rows and a trigger inserts them.
create view analytics_in as
    select created_at as time, event_type, user_id, event_data::text, event_id::text from analytics_events;
create function analytics_insert() returns trigger language plpgsql as $$ begin
    insert into analytics_events
    values (new.event_id::uuid, new.event_type, new.user_id, new.time, new.event_data::jsonb) on conflict do nothing;
    return new;
end $$;
create trigger analytics_insert instead of insert on analytics_in for each row execute function analytics_insert();
