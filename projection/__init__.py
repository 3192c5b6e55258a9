"""Builds the read model from the log: read a batch, decode it, commit it with its position in one transaction."""
