-- Chunks of events, and the compressed ones among them; none without TimescaleDB. A compressed chunk has a second table:
-- compress_hyper_2_3_chunk up to TimescaleDB 2.29, _hyper_1_3_chunk_compressed since.
select chunks, compressed, chunks - compressed as "not compressed"
from (
    select
        count(*) filter (where parent.relname = 'analytics_events') as chunks,
        count(*) filter (
            where chunk.relname like 'compress\_hyper\_%' or chunk.relname like '%\_chunk\_compressed'
        ) as compressed
    from pg_class as chunk
    left join pg_inherits on inhrelid = chunk.oid
    left join pg_class as parent on parent.oid = inhparent
    where chunk.relkind = 'r' and chunk.relnamespace = to_regnamespace('_timescaledb_internal')
) as counted
