-- How many chunks of events there are, and how many of them are compressed; none without TimescaleDB.
select
    count(*) filter (where parent.relname = 'analytics_events') as chunks,
    count(*) filter (where chunk.relname like 'compress\_hyper\_%') as compressed,
    count(*) filter (where parent.relname = 'analytics_events')
    - count(*) filter (where chunk.relname like 'compress\_hyper\_%') as "not compressed"
from pg_class as chunk
left join pg_inherits on inhrelid = chunk.oid
left join pg_class as parent on parent.oid = inhparent
where chunk.relkind = 'r' and chunk.relnamespace = to_regnamespace('_timescaledb_internal')
