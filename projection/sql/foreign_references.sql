-- What a statement may not depend on: of the relations $1, those outside the schema $3 and the batch; of the functions $2,
-- volatile ones and those that are not Postgres' own. Null: nothing.
select case
    when reads is not null then format('may read only batch and its own tables, not %s', reads)
    when calls is not null then format('may not call %s', calls)
end
from (
    select
        (
            select min(format('%s.%s', nspname, relname))
            from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where pg_class.oid = any ($1::oid[]) and nspname <> $3 and pg_namespace.oid <> pg_my_temp_schema()
        ) as reads,
        (
            select min(proname || '()')
            from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
            where pg_proc.oid = any ($2::oid[]) and (provolatile = 'v' or nspname <> 'pg_catalog')
        ) as calls
) as found
