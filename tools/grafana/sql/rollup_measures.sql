-- The measures of the chosen rollup that have a column of numbers at the chosen length.
select measure.key
from tailrace.projections, jsonb_each(definition::jsonb -> 'measures') as measure (key, value)
where live and name = ${rollup:sqlstring}
    and (value ->> 'kind' <> 'users' or ${level:sqlstring} = 'day' or value ->> 'every' = ${level:sqlstring})
order by value ->> 'kind', 1
