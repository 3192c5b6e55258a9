"""Infrastructure: settings, the log's client and reader, Postgres, HTTP serving, telemetry, supervision."""
