-- A read model is a schema of its own (model_1, model_2, ...). This table knows them all; the views in public show the
-- one that is live.
create table tailrace.models (
    name text primary key,
    flavour text not null check (flavour in ('postgres', 'timescale')),
    live boolean not null default false,
    created_at timestamptz not null default now()
);
create unique index one_live_model on tailrace.models (live) where live;
