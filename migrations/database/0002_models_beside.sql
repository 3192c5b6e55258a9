-- A model is built beside the live one by a replay (building), then kept up to date by the projection service (ready)
-- until it is dropped (dropping: nobody may write to it any more).
alter table tailrace.models
    add column state text not null default 'ready' check (state in ('building', 'ready', 'dropping'));
