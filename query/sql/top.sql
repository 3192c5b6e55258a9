-- How often each value of a property occurs: the keys $1 into event_data, of events in [$2, $3) of the types $4 (null:
-- all), with their distinct users if $6. One row per value (kind 'value'), the $5 most frequent first; then a row
-- 'other' for unlisted values, objects and arrays, and a row 'missing'.
with property as (
    select event_data #> $1::text[] as value, case when $6 then user_id end as user_id
    from public.analytics_events
    where created_at >= $2 and created_at < $3 and ($4::text[] is null or event_type = any ($4)){where}
    offset 0 -- so that the value is looked up once
), of_users as (
    select case when jsonb_typeof(value) in ('object', 'array') then '{}' else value end as value, user_id,
        count(*) as events
    from property
    group by 1, 2
), counted as materialized (
    select value, sum(events)::bigint as events, count(user_id) as users from of_users group by 1
), listed as materialized (
    select value, events, users from counted where value <> '{}' order by events desc, value limit $5
)
select 'value' as kind, value, events, users from listed
union all
select 'other', null, coalesce(sum(events) filter (where value is not null), 0)::bigint
    - (select coalesce(sum(events), 0) from listed)::bigint, null
from counted
union all
select 'missing', null, coalesce(sum(events) filter (where value is null), 0)::bigint, null from counted;
