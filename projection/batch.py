"""A decoded batch of log entries: events to store, entries to park, and duplicates."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_between
from contracts.errors import EventRejectedError
from contracts.events import Event, read_entry
from contracts.upcasting import Upcasters


class Projected(NamedTuple):
    """An event that becomes a row unless another entry has claimed its id."""

    seq: int
    event: Event


class Parked(NamedTuple):
    """An entry that can't be projected, and the reason. ``event_id`` is None if it can't be read."""

    entry: LogEntry
    event_id: UUID | None
    code: str
    reason: str


class Batch(NamedTuple):
    """Consecutive log entries, except for recorded gaps.

    In ``events`` and ``parked`` each id occurs once, at its lowest sequence.
    """

    entries: Sequence[LogEntry]
    events: list[Projected]
    parked: list[Parked]

    def position(self, epoch: str) -> Cursor:
        """Returns the position of a model that has seen this batch."""
        return self.entries[-1].cursor(epoch)

    def gaps(self, behind: int) -> list[Gap]:
        """Returns the log's gaps that a model at sequence ``behind`` passes with this batch."""
        return gaps_between(behind, self.entries)


def decode(entries: Sequence[LogEntry], upcasters: Upcasters) -> Batch:
    """Decodes at least one consecutive entry. The result depends only on the entries and the upcasters."""
    events: list[Projected] = []
    parked: list[Parked] = []
    seen: set[UUID] = set()
    for entry in entries:
        try:
            event = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=upcasters)
        except EventRejectedError as error:
            event_id = entry.event_id
            if event_id is None or event_id not in seen:
                parked.append(_parked(entry, error.code, error.message))
        else:
            event_id = event.event_id
            if event_id not in seen:
                events.append(Projected(entry.seq, event))
        if event_id is not None:
            seen.add(event_id)
    return Batch(entries, events, parked)


def park(entry: LogEntry, code: str, reason: str) -> Batch:
    """Returns a batch that parks one entry regardless of its content."""
    return Batch([entry], [], [_parked(entry, code, reason)])


def _parked(entry: LogEntry, code: str, reason: str) -> Parked:
    # a reason may quote the entry, and Postgres text can't contain NUL
    return Parked(entry, entry.event_id, code, reason.replace("\0", "\\0"))
