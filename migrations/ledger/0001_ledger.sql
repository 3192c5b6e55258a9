-- The ledger of one epoch of the log: which entry counts for an event id, whatever its retries carry. It depends only on
-- the log: parked entries claim their ids too, and retention and filters never change it. All models of the epoch share it.
-- Each batch commits here first, and models skip the sequences in duplicates.
create table ledger_position (
    the_only boolean primary key default true check (the_only),
    epoch text not null default '',
    seq bigint not null default 0,
    fingerprint text not null default '',
    log_from bigint not null default 1
);
insert into ledger_position default values;
create table event_ids (
    event_id uuid primary key,
    seq bigint not null
);
comment on table event_ids is 'Which log entry counts for an event id; public.event_ids to readers.';
-- Ranges of sequences (inclusive) that repeat the id of an earlier entry.
create table duplicates (
    first_seq bigint primary key,
    last_seq bigint not null
);
-- Every user of an event gets the next ordinal, so that sets of users are dense bitmaps.
create table users (
    user_id bigint primary key,
    ordinal bigint not null
);
alter table ledger_position add column users bigint not null default 0;
