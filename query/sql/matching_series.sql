-- Events and distinct users of the events in [$1, $2) of the types $3 (null: all) that fulfil some conditions: per
-- bucket and type, per bucket, per type, and of all. Times from $4[n] to before $4[n + 1] belong to bucket $5[n].
-- number is null where all buckets are counted together, all_types true where all types are. Only $6 types are named:
-- those of $7, then the most frequent; the others are together under null. "types" is the number of all types.
with matching as materialized (
    select ($5::int[])[width_bucket(created_at, $4::timestamptz[])] as number, event_type, user_id, count(*) as events
    from public.analytics_events
    where created_at >= $1 and created_at < $2 and ($3::text[] is null or event_type = any ($3)){where}
    group by 1, 2, 3
), ranked as materialized (
    select event_type, row_number() over (
        order by event_type = any ($7::text[]) desc, sum(events) desc, event_type collate "C"
    ) as place
    from matching group by event_type
), named as (
    select number, case when place <= $6 then event_type end as event_type, user_id, events
    from matching join ranked using (event_type)
)
select number, event_type, grouping(event_type) = 1 as all_types, sum(events)::bigint as events,
    count(distinct user_id) as users, (select count(*) from ranked) as types
from named
group by grouping sets ((number, event_type), (number), (event_type), ())
order by number, event_type collate "C";
