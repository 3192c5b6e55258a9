"""A stretch of the log, decoded: what becomes rows, what is parked, what only repeats an id."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_passed
from contracts.errors import EventRejectedError
from contracts.events import Event, read_entry
from contracts.upcasting import Upcasters


class Projected(NamedTuple):
    """An event that becomes a row, unless its id was claimed before."""

    seq: int
    event: Event


class Parked(NamedTuple):
    """An entry that can't be projected, and why. ``event_id`` is None where none can be read."""

    entry: LogEntry
    event_id: UUID | None
    code: str
    reason: str


class Batch(NamedTuple):
    """Log entries that follow each other, recorded gaps aside.

    In ``events`` and ``parked`` each id occurs once, at its lowest sequence.
    """

    entries: Sequence[LogEntry]
    events: list[Projected]
    parked: list[Parked]

    def position(self, epoch: str) -> Cursor:
        """Where a model is that has seen this batch."""
        return self.entries[-1].cursor(epoch)

    def gaps(self, behind: int) -> list[Gap]:
        """The log's gaps that a model at sequence ``behind`` passes with this batch."""
        return gaps_passed(behind, self.entries)


def decode(entries: Sequence[LogEntry], upcasters: Upcasters) -> Batch:
    """Decodes entries that follow each other (at least one). The answer depends on them and the upcasters alone."""
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
    """A batch of one entry that is parked whatever it holds."""
    return Batch([entry], [], [_parked(entry, code, reason)])


def _parked(entry: LogEntry, code: str, reason: str) -> Parked:
    # a reason may quote the entry, and the database's text has no place for NUL
    return Parked(entry, entry.event_id, code, reason.replace("\0", "\\0"))
