-- Ranges of log entries (sequences, inclusive) that are recorded as lost and that this model has passed.
create table log_gaps (
    first_seq bigint primary key,
    last_seq bigint not null,
    noted_at timestamptz not null default now()
);
