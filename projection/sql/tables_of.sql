-- The tables of the schema $1, in the order of their names.
select relname from pg_class where relnamespace = to_regnamespace($1::text) and relkind in ('r', 'p') order by relname
