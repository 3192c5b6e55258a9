"""Reads the log again, from its first entry, and counts what every table must contain."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pyroaring import BitMap64

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_between
from contracts.errors import EventRejectedError
from contracts.events import Event, read_entry
from contracts.upcasting import Upcasters
from runtime.log.client import LogClient
from runtime.log.reader import LogReader

READ = 2_000
WAIT = 1.0
MAX_WRONG = 100_000
"""Ids with a wrong entry in the ledger that are remembered, so that their duplicates are recognized."""


class Entry(NamedTuple):
    """An entry of the log; ``event`` is None if it can't be projected, ``event_id`` if that can't be read either."""

    seq: int
    event_id: UUID | None
    event: Event | None

    @property
    def cell(self) -> tuple[datetime, str] | None:
        """The UTC day and event type of its event."""
        if self.event is None:
            return None
        return self.event.created_at.replace(hour=0, minute=0, second=0, microsecond=0), self.event.event_type


class Refused(NamedTuple):
    """Entries that were parked for a reason that the log does not show.

    ``by_database`` are believed: only the database knows why it refused them. ``before_retention`` are right if they
    are older than ``raw_from``.
    """

    by_database: frozenset[int]
    before_retention: frozenset[int]
    raw_from: datetime | None

    def has(self, seq: int, event: Event) -> bool:
        """Whether it was right to park the entry."""
        if seq in self.before_retention:
            return self.raw_from is not None and event.created_at < self.raw_from
        return seq in self.by_database


@dataclass
class Recount:
    """What the log contains up to a position; its size does not depend on the number of entries.

    The ledger says which entry counts for an id, and each entry checks it: if every entry claims its own id or repeats
    the id of an earlier one, and the ledger has no other rows, then the ledger is what the log says.
    """

    entries: int = 0
    events: int = 0
    duplicates: BitMap64 = field(default_factory=BitMap64)
    claims: int = 0
    """Entries that the ledger names for their ids."""
    wrong: dict[UUID, int] = field(default_factory=dict)
    """Ids that the ledger lacks or gives to another entry, and the entry that counts."""
    without_id: set[int] = field(default_factory=set)
    parked: set[int] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)

    def repeats_wrong_id(self, entry: Entry) -> bool:
        """Whether an earlier entry counts for the entry's id, which the ledger does not know."""
        if not self.wrong:
            return False
        return entry.event_id is not None and self.wrong.get(entry.event_id, entry.seq) < entry.seq

    def count(
        self, entries: Sequence[Entry], claimed: dict[int, int | None], on_wrong: Callable[[Entry, int | None], None]
    ) -> tuple[list[Entry], list[Entry]]:
        """Counts entries; ``claimed`` has the entry that the ledger names for their ids where it is another one.

        Returns the events that count, and those of them whose id the ledger gets wrong.
        """
        counted: list[Entry] = []
        corrected: list[Entry] = []
        self.entries += len(entries)
        for entry in entries:
            if entry.event_id is None:
                self.without_id.add(entry.seq)
            elif self.repeats_wrong_id(entry):
                self.duplicates.add(entry.seq)
                continue
            elif entry.seq not in claimed:
                self.claims += 1
            elif (other := claimed[entry.seq]) is not None and other < entry.seq:
                self.duplicates.add(entry.seq)
                continue
            else:
                if len(self.wrong) < MAX_WRONG:
                    self.wrong[entry.event_id] = entry.seq
                on_wrong(entry, other)
                if entry.event is not None:
                    corrected.append(entry)
            if entry.event is None:
                self.parked.add(entry.seq)
            else:
                counted.append(entry)
        self.events += len(counted)
        return counted, corrected

    def has(self, seq: int) -> bool:
        """Whether the log has an entry that claims an id at this place, which is within what was read."""
        return (
            seq not in self.duplicates
            and seq not in self.without_id
            and not any(gap.first <= seq <= gap.last for gap in self.gaps)
        )


async def read_entries(
    client: LogClient,
    start: Cursor,
    end: int,
    refused: Refused,
    upcasters: Upcasters,
    on_read: Callable[[int], None],
) -> AsyncIterator[tuple[list[Entry], list[Gap]]]:
    """Reads the entries behind ``start`` up to the one at ``end``; yields them with the gaps before and among them.

    Raises:
        ForeignHistoryError, LostEntriesError, LogUnavailableError: see ``LogReader.read``.
    """
    reader = LogReader(client, start)
    try:
        while reader.position.seq < end:
            behind = reader.position.seq
            entries = [entry for entry in await reader.read(READ, WAIT) if entry.seq <= end]
            yield [_read(entry, refused, upcasters) for entry in entries], gaps_between(behind, entries)
            on_read(min(reader.position.seq, end))
    finally:
        await reader.close()


def _read(entry: LogEntry, refused: Refused, upcasters: Upcasters) -> Entry:
    try:
        event = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=upcasters)
    except EventRejectedError:
        return Entry(entry.seq, entry.event_id, None)
    return Entry(entry.seq, event.event_id, None if refused.has(entry.seq, event) else event)
