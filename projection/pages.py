"""Counts the built-in rollup ``pages`` in the transactions of the read model, so that both are of one position."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from migrations.catalogue import Model
from migrations.user_sets import known_users
from projection.batch import Row
from projection.declared.rollup_cells import DAY, RollupCells
from tailrace.declared import PAGES, CellKey, decode_event_data, reader

_TYPES = frozenset(PAGES.events)
_SHORT = 64
"""Characters of a path that is not cut, whatever they are."""
_read = reader(PAGES)


class _OnlyPath(msgspec.Struct):
    path: Any = None


_only_paths = msgspec.json.Decoder(list[_OnlyPath])


class Pages:
    """The pages of one model, through the connection that projects into it."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self.connection = connection
        self._cells = RollupCells(model.pages, PAGES)
        self._revision = self._committed_seq = -1

    def begin(self, behind: int) -> None:
        """Begins a batch behind a sequence; the caches are valid if that is where the last one ended."""
        if behind != self._committed_seq:
            self._cells.forget()

    async def add(self, rows: Sequence[Row], ordinals: Mapping[int, int], seq: int, revision: int) -> None:
        """Counts new rows of a batch that ends at ``seq``; call it in its transaction, which holds the position."""
        if revision != self._revision:
            self._cells.forget()
            self._revision = revision
        matching = [row for row in rows if row[1] in _TYPES]
        if not matching:
            return
        # by day and dimensions, in the order of the first event of each: a day admits them in the order of the log
        visits: dict[tuple[float, str | None, str], list[int | None]] = {}
        for row, path in zip(matching, _paths_of(matching), strict=True):
            key = row[3].timestamp() // DAY, path, row[1]
            visitor = None if row[2] is None else ordinals[row[2]]
            if key in visits:
                visits[key].append(visitor)
            else:
                visits[key] = [visitor]
        tally = await self._cells.tally(self.connection, {int(day) for day, _, _ in visits})
        cells: dict[CellKey, list[int | None]] = {}
        for (day, path, event_type), visitors in visits.items():
            cell = CellKey("day", int(day) * DAY, tally.admit(int(day), (path, event_type)))
            if cell in cells:  # `other`
                cells[cell] += visitors
            else:
                cells[cell] = visitors
        await self._cells.add_counts(
            self.connection, "day", [(cell, [len(visitors)]) for cell, visitors in cells.items()]
        )
        packed = [
            (cell.bucket, cell.dimensions is None, cell.dimensions or (None, None), known_users(visitors))
            for cell, visitors in cells.items()
        ]
        await self._cells.add_users(self.connection, seq, packed)

    def committed(self, seq: int) -> None:
        """Confirms that the batch up to ``seq`` was committed."""
        self._committed_seq = seq

    def discard(self) -> None:
        """Forgets what a batch added whose transaction was rolled back."""
        self._cells.forget()
        self._committed_seq = -1

    async def merge(self) -> None:
        """Merges the visitors of recent batches."""
        await self._cells.merge(self.connection)


def has_pages(rows: Sequence[Row]) -> bool:
    """Whether any of the rows counts in ``pages``."""
    return any(row[1] in _TYPES for row in rows)


def _paths_of(rows: Sequence[Row]) -> list[str | None]:
    """Returns the path of each row, as a rollup reads it."""
    paths = [found.path for found in _only_paths.decode(f"[{','.join([row[4] for row in rows])}]")]
    for number, path in enumerate(paths):
        if path is not None and (type(path) is not str or len(path) > _SHORT):
            row = rows[number]
            paths[number] = _read(row[1], row[2], decode_event_data(row[4])).dimensions[0]
    return paths
