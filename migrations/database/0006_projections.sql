-- Projections that users declare. Each build of a version is a schema (projection_1, projection_2, ...) with its tables and
-- its position; the view in public of the projection's name shows the live one. definition is what the class declares, as
-- JSON; sources are, of a Fold, the texts of the modules that its code needs. A build with an error has stopped.
create table tailrace.projections (
    number integer generated always as identity primary key,
    name text not null,
    version integer not null,
    kind text not null check (kind in ('rollup', 'fold', 'sql')),
    definition text not null,
    sources text not null default '{}',
    ledger text not null,
    live boolean not null default false,
    state text not null default 'building' check (state in ('building', 'ready', 'orphaned', 'dropping')),
    error text,
    created_at timestamptz not null default now()
);
create unique index one_live_projection on tailrace.projections (name) where live;
-- What the worker of projections could not use at its last start: a file that does not load, a change under an old version.
create table tailrace.projection_problems (
    message text primary key,
    noted_at timestamptz not null default now()
);
