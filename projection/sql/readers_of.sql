-- Who holds a lock on the tables or views of a model, for people; null: nobody does any more.
select string_agg(distinct format('%s (process %s)', coalesce(usename, 'unknown'), pid), ', ')
  from pg_locks join pg_stat_activity using (pid)
 where pg_locks.granted and pid <> pg_backend_pid()
   and pg_locks.database = (select oid from pg_database where datname = current_database())
   and relation in (select oid from pg_class where relnamespace = to_regnamespace($1::text))
