-- The lengths of the chosen rollup's buckets, the longest first.
select level from (
    select value as level, ordinality as place
    from tailrace.projections, jsonb_array_elements_text(definition::jsonb -> 'every') with ordinality
    where live and name = ${rollup:sqlstring}
) as kept
order by place desc
