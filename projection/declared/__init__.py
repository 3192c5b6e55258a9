"""Projections that users declare: a schema, a position and a list of parked events each."""
