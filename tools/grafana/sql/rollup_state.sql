-- Every build of every projection, and why one has stopped.
select name as projection, version, kind,
    case when error is not null then 'failed' when live and state = 'ready' then 'live' else state end as state,
    live as "readers see it", error
from tailrace.projections
where state <> 'dropping'
order by name, number
