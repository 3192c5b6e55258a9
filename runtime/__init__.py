"""Plumbing without business words: settings, the log's client and reader, Postgres, HTTP serving, lifecycle."""
