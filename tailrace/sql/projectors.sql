-- Projecting connections to this database: those that hold a model's lock, and all.
select
    count(distinct activity.pid) filter (where locks.locktype = 'advisory') as active,
    count(distinct activity.pid) as known
from pg_stat_activity as activity
left join pg_locks as locks on locks.pid = activity.pid and locks.granted
where activity.application_name = 'tailrace-projection' and activity.datname = current_database()
