-- The last error of each model's projector, and the model's position at that time. It is over once the model has moved.
create table tailrace.projector_errors (
    model text primary key references tailrace.models on delete cascade,
    seq bigint not null,
    message text not null,
    occurred_at timestamptz not null default now()
);
