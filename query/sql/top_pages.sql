-- How often each path occurs in the UTC days [$1, $2), of events of the types $3. One row per path (kind 'value'), the $4
-- most frequent first; then a row 'other' for unlisted paths, among them those 'beyond' the limit of a day, and 'missing'.
with counted as materialized (
    select other, path, sum(events)::bigint as events
    from public.pages_cells_day
    where bucket >= $1 and bucket < $2 and (other or event_type = any ($3::text[]))
    group by other, path
), listed as materialized (
    select path, events from counted where not other and path is not null order by events desc, path limit $4
)
select 'value' as kind, path, events from listed
union all
select 'other', null, (coalesce(sum(events) filter (where other or path is not null), 0)
    - (select coalesce(sum(events), 0) from listed))::bigint
from counted
union all
select 'beyond', null, coalesce(sum(events) filter (where other), 0)::bigint from counted
union all
select 'missing', null, coalesce(sum(events) filter (where not other and path is null), 0)::bigint from counted;
