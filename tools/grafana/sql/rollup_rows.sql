-- The newest buckets of the chosen rollup with all of its columns.
select * from public.${rollup:raw} where level = ${level:sqlstring} and $__timeFilter(bucket) order by bucket desc limit 500
