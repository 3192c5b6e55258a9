"""Adds the users of each batch to the sets of users, and merges them into the bitmaps from time to time.

A batch touches many sets, so it only appends its packed users to ``set_log``. A second transaction merges them and
deletes those rows. Caches change after a commit only; a parked retry raises the revision, which empties them.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import asyncpg
from pyroaring import BitMap

from migrations.user_sets import ALL, ALL_TYPES, Cell, Cells, cells_of, known_users, pack_users, unpack_users
from projection.batch import Row
from runtime.postgres import read_sql

MERGE_EVENTS = 40_000
"""Events after which the users of recent batches are merged: fewer merges cost less, and readers read the rest."""
MERGED_AT_ONCE = 1_000
"""Sets that are read, merged and written together. Late events touch large sets, and each set is copied four times."""
MERGE_INTERVAL = 60.0
"""Seconds after which they are merged anyway."""
IDLE_EVENTS = 5_000
"""Events that are merged as soon as the projector is idle."""


class BatchUsers(NamedTuple):
    """The users of a batch: events and new users per type ("" counts all types together), and all of them packed."""

    types: list[str]
    events: list[int]
    new: list[int]
    event_types: list[str]
    packed: bytes


class UserSets:
    """The sets of one model, through the connection that projects into it."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self.connection = connection
        self._revision = self._committed_seq = -1
        self._seen: dict[str, BitMap] = {}  # the users of all time per type, recent batches included
        self._merged: Cells = {}  # the sets of the last merge
        self._merged_seq = -1
        self._added: dict[str, BitMap] = {}
        self._waiting = self._added_events = 0
        self._merged_at = time.monotonic()

    def revision_at(self, seq: int) -> int | None:
        """Returns the revision for an ``add`` behind ``seq`` without ``refresh``; None if that has to come first."""
        return self._revision if seq == self._committed_seq else None

    async def refresh(self, revision: int, *, behind: int = -1) -> None:
        """Prepares ``add``; call it in the batch's transaction, which holds the position's row.

        The caches are valid if the model is still ``behind`` the last committed batch, at the same revision.
        """
        if revision != self._revision or behind != self._committed_seq:
            await self._load(revision)

    def add(self, rows: Sequence[Row], ordinals: Mapping[int, int]) -> BatchUsers:
        """Returns the users of a batch's new rows."""
        found = [None if row[2] is None else ordinals[row[2]] for row in rows]
        by_type: dict[str, list[int | None]] = {}
        for row, ordinal in zip(rows, found, strict=True):
            if row[1] in by_type:
                by_type[row[1]].append(ordinal)
            else:
                by_type[row[1]] = [ordinal]
        self._added = {event_type: BitMap(known_users(members)) for event_type, members in by_type.items()}
        self._added[ALL_TYPES] = BitMap.union(*self._added.values())
        self._added_events = len(rows)
        nobody = BitMap()
        new = [
            len(users) - users.intersection_cardinality(self._seen.get(event_type, nobody))
            for event_type, users in self._added.items()
        ]
        events = [*map(len, by_type.values()), len(rows)]
        packed = pack_users([row[3] for row in rows], [row[1] for row in rows], found)
        return BatchUsers(list(self._added), events, new, *packed)

    def discard(self) -> None:
        """Forgets the users of an ``add`` whose transaction was rolled back."""
        self._added, self._added_events = {}, 0

    def committed(self, seq: int) -> None:
        """Confirms that the batch up to ``seq`` was committed, with the users of the last ``add``."""
        self._committed_seq = seq
        self._waiting += self._added_events
        for event_type, users in self._added.items():
            if event_type in self._seen:
                self._seen[event_type] |= users
            else:
                self._seen[event_type] = users
        self.discard()

    def is_due(self, *, idle: bool = False, more: int = 0) -> bool:
        """Whether the users of recent batches should be merged: there are enough, or they have waited long enough.

        ``more`` is the number of events that the next batch adds.
        """
        waiting = self._waiting + more
        overdue = time.monotonic() - self._merged_at >= MERGE_INTERVAL
        return waiting >= (IDLE_EVENTS if idle else MERGE_EVENTS) or (overdue and waiting > 0)

    async def merge(self) -> None:
        """Merges the users of recent batches into the sets."""
        async with self.connection.transaction():
            seq, sets_seq, revision = await self.connection.fetchrow(
                "select seq, sets_seq, revision from projection_position for update"
            )
            logged = await self.connection.fetch("delete from set_log returning event_types, packed")
            known = self._merged if (sets_seq, revision) == (self._merged_seq, self._revision) else {}
            cells = cells_of(chain.from_iterable(unpack_users(*row) for row in logged))
            ordered = sorted(cells)
            for first in range(0, len(ordered), MERGED_AT_ONCE):
                part = ordered[first : first + MERGED_AT_ONCE]
                stored = await self._read([cell for cell in part if cell not in known])
                for cell in part:
                    if (before := known.get(cell, stored.get(cell))) is not None:
                        cells[cell] |= before
                await self._write(part, [cells[cell] for cell in part])
            await self.connection.execute("update projection_position set sets_seq = $1", seq)
        self._merged, self._merged_seq = cells, seq
        self._waiting, self._merged_at = 0, time.monotonic()

    async def _load(self, revision: int) -> None:
        """Reads the users of all time, and how many events wait."""
        rows = await self.connection.fetch("select event_type, members from user_sets where level = $1", ALL)
        self._seen = {row["event_type"]: BitMap.deserialize(row["members"]) for row in rows}
        self._waiting = 0
        for row in await self.connection.fetch("select events, event_types, packed from set_log"):
            self._waiting += row["events"]
            for cell, members in cells_of(unpack_users(row["event_types"], row["packed"])).items():
                if cell.level == ALL:
                    self._seen[cell.event_type] = self._seen.get(cell.event_type, BitMap()) | members
        self._merged, self._revision = {}, revision

    async def _read(self, cells: list[Cell]) -> Cells:
        rows = await self.connection.fetch(read_sql("projection", "read_user_sets"), *_columns(cells))
        return {Cell(*row[:3]): BitMap.deserialize(row["members"]) for row in rows}

    async def _write(self, cells: list[Cell], sets: list[BitMap]) -> None:
        await self.connection.execute(
            read_sql("projection", "write_user_sets"),
            *_columns(cells),
            [len(members) for members in sets],
            [members.serialize() for members in sets],
        )


def _columns(cells: list[Cell]) -> tuple[list[int], list[int], list[str]]:
    return [cell.level for cell in cells], [cell.bucket for cell in cells], [cell.event_type for cell in cells]
