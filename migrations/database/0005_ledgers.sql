-- A ledger is a schema too (ledger_1, ledger_2, ...): all models of one epoch of the log share it. generation numbers the
-- shape of a model's tables; models of another generation are replayed, never converted.
alter table tailrace.models
    add column ledger text not null default '',
    add column generation integer not null default 1;
