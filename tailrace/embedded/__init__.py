"""The NATS and Postgres servers from their wheels: their set-up and their command lines."""
