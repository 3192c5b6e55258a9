"""Bulk load: files of events or of web requests, sent to the command service in batches."""
