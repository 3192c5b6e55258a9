-- Whether a transaction in this database still sees it as it was before transaction $1.
select exists (
    select from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and age(backend_xmin) >= age($1::text::xid)
)
