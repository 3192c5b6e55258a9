"""Counts the log again, from its first entry: what every table has to say."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry, gaps_between
from contracts.errors import EventRejectedError
from contracts.events import Event, read_entry
from contracts.upcasting import Upcasters
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from verification.user_recount import UserRecount

READ = 2_000
WAIT = 1.0


class Row(NamedTuple):
    """A row that the log asks for."""

    seq: int
    event: Event

    @property
    def cell(self) -> tuple[datetime, str]:
        """Its UTC day and event type."""
        day = self.event.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return day, self.event.event_type


@dataclass
class Recount:
    """What the log holds up to a position.

    ``claims`` maps each id to the entry that counts: about 150 bytes per id. ``users`` has about 8 bytes per event.
    """

    entries: int = 0
    events: int = 0
    duplicates: list[int] = field(default_factory=list)
    claims: dict[UUID, int] = field(default_factory=dict)
    users: UserRecount = field(default_factory=lambda: UserRecount({}))
    parked: set[int] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)


class Refused(NamedTuple):
    """Entries that were parked for a reason that the log does not show.

    ``by_database`` are taken as they are: only the database could tell. ``before_retention`` are not to be counted if
    they are older than ``raw_from``.
    """

    by_database: frozenset[int]
    before_retention: frozenset[int]
    raw_from: datetime | None

    def has(self, row: Row) -> bool:
        """Whether the entry was parked rightly."""
        if row.seq in self.before_retention:
            return self.raw_from is not None and row.event.created_at < self.raw_from
        return row.seq in self.by_database


async def read_rows(
    client: LogClient,
    start: Cursor,
    end: int,
    refused: Refused,
    upcasters: Upcasters,
    recount: Recount,
    on_read: Callable[[int], None],
) -> AsyncIterator[list[Row]]:
    """Reads the entries behind ``start`` up to the one at ``end``; yields the rows they ask for, counts in ``recount``.

    Raises:
        ForeignHistoryError, LostEntriesError, LogUnavailableError: see ``LogReader.read``.
    """
    reader = LogReader(client, start)
    try:
        while reader.position.seq < end:
            behind = reader.position.seq
            entries = [entry for entry in await reader.read(READ, WAIT) if entry.seq <= end]
            recount.gaps += gaps_between(behind, entries)
            yield _rows(entries, refused, upcasters, recount)
            on_read(min(reader.position.seq, end))
    finally:
        await reader.close()


def _rows(entries: Sequence[LogEntry], refused: Refused, upcasters: Upcasters, recount: Recount) -> list[Row]:
    rows: list[Row] = []
    for entry in entries:
        recount.entries += 1
        event: Event | None = None
        event_id: UUID | None
        try:
            event = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=upcasters)
            event_id = event.event_id
        except EventRejectedError:
            event_id = entry.event_id
        if event_id is not None and recount.claims.setdefault(event_id, entry.seq) != entry.seq:
            recount.duplicates.append(entry.seq)
        elif event is None or refused.has(row := Row(entry.seq, event)):
            recount.parked.add(entry.seq)
        else:
            recount.events += 1
            recount.users.add(event.created_at, event.event_type, event.user_id)
            rows.append(row)
    return rows
