"""The command side: receives events over NATS and HTTP, validates them and appends them to the log."""
