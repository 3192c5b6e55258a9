-- Notes up to when an aggregate is materialized.
insert into materialized (aggregate, until) values ($1, $2)
on conflict (aggregate) do update set until = excluded.until
