-- The model's position: one row, moved by compare-and-set in each batch's transaction. An empty epoch means that nothing
-- was projected yet. revision counts changes to projected entries (retries of parked events), so that (position, revision)
-- names a state of the model. Single rows before raw_from were dropped (retention); their counts stay. Up to settled_seq
-- every event is in every count (timescale; on postgres that is always so).
create table projection_position (
    the_only boolean primary key default true check (the_only),
    epoch text not null default '',
    seq bigint not null default 0,
    fingerprint text not null default '',
    logged_at timestamptz,
    revision bigint not null default 0,
    log_from bigint not null default 1,
    raw_from timestamptz,
    settled_seq bigint not null default 0
);
insert into projection_position default values;
