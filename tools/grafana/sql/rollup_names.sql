-- The rollups that readers see.
select name from tailrace.projections where live and kind = 'rollup' order by 1
