-- Up to where the log is in this model: one row, moved by compare-and-set in each batch's transaction. An empty epoch
-- means that nothing was projected yet. revision counts changes to what was already projected (retries of parked
-- events), so that (position, revision) names a state of the model.
create table projection_position (
    the_only boolean primary key default true check (the_only),
    epoch text not null default '',
    seq bigint not null default 0,
    mark text not null default '',
    logged_at timestamptz,
    revision bigint not null default 0,
    log_from bigint not null default 1
);
insert into projection_position default values;
