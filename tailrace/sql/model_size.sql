-- The bytes of the tables in the schemas $1, with their indexes.
select coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where nspname = any ($1::text[]) and relkind = 'r'
