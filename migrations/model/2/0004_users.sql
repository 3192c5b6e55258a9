-- Who was ever seen, and the counts that follow from it: all-time numbers without reading a single event.
create table users (
    user_id bigint primary key
);
create table users_by_type (
    event_type text not null,
    user_id bigint not null,
    primary key (event_type, user_id)
);
-- A row per event type; the row '' (no event type is empty) counts everything.
create table all_time (
    event_type text primary key,
    events bigint not null,
    users bigint not null
);
