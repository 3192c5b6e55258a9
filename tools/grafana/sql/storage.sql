-- Sizes of tables. TimescaleDB has a table per chunk, and a second one for a compressed chunk:
-- compress_hyper_2_3_chunk up to 2.29, _hyper_1_3_chunk_compressed since.
select
    case
        when relname like 'compress\_hyper\_%' or relname like '%\_chunk\_compressed' then 'compressed chunks'
        when nspname = '_timescaledb_internal' then 'chunks'
        else nspname || '.' || relname
    end as part,
    count(*) as tables,
    sum(pg_total_relation_size(pg_class.oid)) as bytes
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'm')
    and (
        nspname = '_timescaledb_internal' and relname like '%hyper\_%'
        or nspname like 'model\_%' or nspname like 'ledger\_%' or nspname = 'tailrace'
    )
group by 1
order by 3 desc
limit 50
