"""Tailrace: real-time analytics on an append-only log.

Where is what, in the order data flows:

- ``contracts``: what crosses a boundary (events, subjects, cursors, frames, errors)
- ``runtime``: plumbing without business words (settings, the log, Postgres, HTTP serving)
- ``migrations``: the read model's tables, as numbered SQL
- ``command``: takes events in and appends them to the log
- ``projection``: builds the read model from the log
- ``query``: answers questions and streams live
- ``ops``: the command line, the embedded servers, the producer, the importer
"""
