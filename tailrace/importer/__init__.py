"""Bulk import: sends files of events or of web requests to the command service in batches."""
