-- How the pipeline was doing: a row every ten seconds, for those who have SQL alone, such as Grafana. What is about the
-- log is null while the log does not answer; projected_seq and all behind it are of the live model.
create table tailrace.pipeline_samples (
    sampled_at timestamptz primary key default now(),
    log_first_seq bigint,
    log_last_seq bigint,
    log_entries bigint,
    log_bytes bigint,
    inbox_waiting bigint,
    rejected bigint,
    model text not null,
    projected_seq bigint not null,
    lag_events bigint,
    lag_seconds double precision,
    parked bigint not null,
    late_pending bigint not null,
    database_bytes bigint not null
);
create view public.pipeline_samples as select * from tailrace.pipeline_samples;
