-- Which properties the newest $4 events in [$1, $2) of the types $3 (null: all) have, the most frequent first: at most
-- $5, and not those whose name a request cannot contain. At least one row, without a name if no event has a property.
with recursive sample as materialized (
    select event_data from public.analytics_events
    where created_at >= $1 and created_at < $2 and ($3::text[] is null or event_type = any ($3)){where}
    order by created_at desc
    limit $4
), property as (
    select 'event_data' as name, 0 as depth, event_data as value from sample
    union all
    select property.name || '.' || member.key, depth + 1, member.value
    from property
    cross join lateral jsonb_each(
        case when depth < 8 and jsonb_typeof(property.value) = 'object' then property.value else '{}' end
    ) as member
    where member.key <> '' and member.key !~ '[.:]'
), found as (
    select name, count(*) as events, count(distinct value) as "values"
    from property
    where jsonb_typeof(value) in ('string', 'number', 'boolean') and length(name) <= 512
    group by name
    order by 2 desc, 1
    limit $5
)
select found.*, whole.sampled
from (select count(*) as sampled from sample) as whole
left join found on true
order by events desc, name;
