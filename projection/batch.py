"""A decoded batch of log entries: rows to store and entries to park."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_between
from contracts.events import Event

Row = tuple[UUID, str, int | None, datetime, str, int]
"""A row of ``analytics_events``: event_id, event_type, user_id, created_at, event_data (JSON text), seq."""


class Parked(NamedTuple):
    """An entry that can't be projected, and the reason. ``event_id`` is None if it can't be read."""

    entry: LogEntry
    event_id: UUID | None
    code: str
    reason: str


class Batch(NamedTuple):
    """Consecutive log entries, except for recorded gaps. Duplicates are still among ``rows`` and ``parked``."""

    entries: Sequence[LogEntry]
    rows: list[Row]
    parked: list[Parked]

    def position(self, epoch: str) -> Cursor:
        """Returns the position of a model that has seen this batch."""
        return self.entries[-1].cursor(epoch)

    def gaps(self, behind: int) -> list[Gap]:
        """Returns the log's gaps that a model at sequence ``behind`` passes with this batch."""
        return gaps_between(behind, self.entries)


def event_row(event: Event, seq: int) -> Row:
    """Returns the row of an event."""
    data = str(event.event_data, "utf-8")
    return event.event_id, event.event_type, event.user_id, event.created_at, data, seq


def park_entry(entry: LogEntry, code: str, reason: str) -> Parked:
    """Returns a parked entry."""
    # a reason may quote the entry, and Postgres text can't contain NUL
    return Parked(entry, entry.event_id, code, reason.replace("\0", "\\0"))
