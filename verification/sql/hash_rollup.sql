-- The same hashes of a rollup's cells, each as often as it says that there are events. One that says 0 should not be there,
-- and counts once. Without the hours $1, or the days they are in.
select 'events_by_{level}' as relation, date_trunc('day', bucket, 'UTC') as day, event_type,
    sum(events)::bigint as events,
    sum(
        case events when 0 then 1 else events end
        * ('x' || left(md5(row(bucket, event_type)::text), 16))::bit(64)::bigint::numeric
    ) as digest
from events_by_{level}
where date_trunc('{settled}', bucket, 'UTC')
    <> all (select date_trunc('{settled}', late, 'UTC') from unnest($1::timestamptz[]) as late)
group by day, event_type
