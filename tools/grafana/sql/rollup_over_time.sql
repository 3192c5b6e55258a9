-- The chosen measure per bucket, of the ten combinations of dimensions that have most of it.
with cells as materialized (
    select bucket, (fields ->> ${measure:sqlstring})::float as value,
        case when other then 'other values' else coalesce(nullif((
            select string_agg(coalesce(fields ->> key, 'none'), ' · ' order by place)
            from json_each(dimensions) with ordinality as dimension (key, path, place)
        ), ''), 'all') end as metric
    from public.${rollup:raw} as cell, to_jsonb(cell) as fields, (
        select definition::json -> 'by' as dimensions from tailrace.projections where live and name = ${rollup:sqlstring}
    ) as declared
    where level = ${level:sqlstring} and $__timeFilter(bucket)
), largest as (
    select metric from cells group by 1 order by sum(value) desc nulls last, 1 limit 10
)
select bucket as time, metric, value from cells where metric in (select metric from largest) order by 1, 2
