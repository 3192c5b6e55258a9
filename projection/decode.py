"""Decodes a batch of log entries: rows to store and entries to park."""

from collections.abc import Sequence

from contracts.decoding import decode_plain
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import read_entry
from contracts.upcasting import Upcasters
from projection.batch import Batch, Parked, event_row, park_entry


def decode(entries: Sequence[LogEntry], upcasters: Upcasters) -> Batch:
    """Decodes at least one consecutive entry. The result depends only on the entries and the upcasters."""
    events = decode_plain(entries, upcasters)
    parked: list[Parked] = []
    for number, entry in enumerate(entries):
        if events[number] is None:
            try:
                events[number] = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=upcasters)
            except EventRejectedError as error:
                parked.append(park_entry(entry, error.code, error.message))
    rows = [event_row(event, entry.seq) for event, entry in zip(events, entries, strict=True) if event is not None]
    return Batch(entries, rows, parked)
