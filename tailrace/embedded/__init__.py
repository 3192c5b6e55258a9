"""The real NATS and Postgres servers from wheels: how to set them up and the command lines that start them."""
