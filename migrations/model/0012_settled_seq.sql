-- Up to which log entry every event is in every count (timescale flavour; the postgres flavour's always are). Moved by
-- each refresh of late events: where those never stop coming, it tells when the ones somebody waits for are counted.
alter table projection_position add column settled_seq bigint not null default 0;
