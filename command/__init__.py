"""The command side: takes events in over NATS and HTTP, validates, appends to the log, answers with the position."""
