-- Entries that are gone from the log and that somebody accepted as gone.
create table log_gaps (
    first_seq bigint primary key,
    last_seq bigint not null check (last_seq >= first_seq),
    accepted_at timestamptz not null default now()
);
