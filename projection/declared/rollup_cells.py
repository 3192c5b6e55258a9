"""Writes counts into the cells of a ``Rollup``: one upsert per level. Its users are bitmaps, which merges write."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from migrations.rollup_sets import PackedCell, RollupTables
from projection.declared.columns import quoted, stored_measures, users_levels
from projection.declared.rollup_users import RollupUsers
from tailrace.declared import SECONDS, CellKey, Level, RollupDefinition, Tally

DAY = SECONDS["day"]
CACHED_DAYS = 400
"""UTC days whose combinations are cached; late events of more days empty the cache."""


class RollupCells:
    """The tables of one rollup."""

    def __init__(self, tables: RollupTables, definition: RollupDefinition) -> None:
        self._definition = definition
        self._tables = tables
        self._admitted: dict[int, set[tuple[str | None, ...]]] = {}
        self._measures = stored_measures(definition)
        self._upserts = {level: self._upsert(level) for level in definition.every}
        self._users = RollupUsers(tables, definition) if users_levels(definition) else None

    @property
    def has_users(self) -> bool:
        """Whether it counts users."""
        return self._users is not None

    async def tally(self, connection: "asyncpg.Connection", days: set[int]) -> Tally:
        """Returns what counts the next events, which happen on some UTC days (days since 1970).

        Counting extends the cached combinations: if the events are not committed, ``forget`` them.
        """
        await self._load_admitted(connection, days)
        return Tally(self._definition, self._admitted)

    async def write(
        self, connection: "asyncpg.Connection", seq: int, tally: Tally, ordinals: Mapping[int, int]
    ) -> None:
        """Adds a tally to the cells; call it in the transaction that moves the position to ``seq``.

        ``ordinals`` are those of the users, if the rollup counts them.
        """
        by_level: dict[Level, list[tuple[CellKey, list[Any]]]] = {}
        for key, values in tally.cells.items():
            by_level.setdefault(key.level, []).append((key, values))
        for level, cells in by_level.items():
            await self.add_counts(connection, level, cells)
        if self._users is not None:
            await self._users.add(connection, seq, self._users.cells_of(tally, ordinals))

    async def add_counts(
        self, connection: "asyncpg.Connection", level: Level, cells: list[tuple[CellKey, list[Any]]]
    ) -> None:
        """Adds measures, users left out, to the cells of a level."""
        await connection.execute(self._upserts[level], *self._columns(cells))

    async def add_users(self, connection: "asyncpg.Connection", seq: int, cells: Sequence[PackedCell]) -> None:
        """Adds users to cells of the finest level that keeps them."""
        if self._users is not None:
            await self._users.add(connection, seq, cells)

    async def merge_if_due(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Merges the users of recent batches if there are enough, or if they have waited long enough."""
        if self._users is not None:
            await self._users.merge_if_due(connection, idle=idle)

    async def merge(self, connection: "asyncpg.Connection") -> None:
        """Merges the users of recent batches."""
        if self._users is not None:
            await self._users.merge(connection)

    def forget(self) -> None:
        """Forgets the combinations, which may not agree with the database."""
        self._admitted.clear()

    async def _load_admitted(self, connection: "asyncpg.Connection", days: set[int]) -> None:
        missing = sorted(days - self._admitted.keys())
        if not missing:
            return
        if len(self._admitted) + len(missing) > CACHED_DAYS:
            self._admitted.clear()
            missing = sorted(days)
        dims = ", ".join(["bucket", *quoted(self._definition.by)])
        longest = self._definition.every[-1]
        starts = [datetime.fromtimestamp(day * DAY, UTC) for day in missing]
        self._admitted.update((day, set()) for day in missing)
        # one range per day uses the index; hours and minutes repeat combinations, sets don't
        rows = await connection.fetch(
            f"select {dims} from unnest($1::timestamptz[]) as day (start) join {self._tables.cells(longest)}"
            " on bucket >= start and bucket < start + interval '1 day' where not other",
            starts,
        )
        for bucket, *dimensions in rows:
            self._admitted[int(bucket.timestamp()) // DAY].add(tuple(dimensions))

    def _columns(self, cells: list[tuple[CellKey, list[Any]]]) -> list[list[Any]]:
        nothing = (None,) * len(self._definition.by)
        keys = [
            (datetime.fromtimestamp(key.bucket, UTC), key.dimensions is None, *(key.dimensions or nothing))
            for key, _ in cells
        ]
        columns: list[list[Any]] = [list(column) for column in zip(*keys, strict=True)]
        for index, _, kind in self._measures:
            found = [values[index] for _, values in cells]
            columns.append(found if kind == "count" else [None if one is None else Decimal(one) for one in found])
        return columns

    def _upsert(self, level: Level) -> str:
        dims = quoted(self._definition.by)
        measures = [(f'"{name}"', kind) for _, name, kind in self._measures]
        types = ["timestamptz", "boolean", *("text" for _ in dims)]
        types += ["bigint" if kind == "count" else "numeric" for _, kind in measures]
        columns = ", ".join(["bucket", "other", *dims, *(name for name, _ in measures)])
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 1))
        conflict = ", ".join(["bucket", "other", *dims])
        changes = ", ".join(f"{name} = {_merged(kind).format(name)}" for name, kind in measures)
        return (
            f"insert into {self._tables.cells(level)} as kept ({columns}) select * from unnest({arrays})"
            f" on conflict ({conflict}) do {'update set ' + changes if changes else 'nothing'}"
        )


def _merged(kind: str) -> str:
    if kind in ("count", "sum"):
        return "kept.{0} + excluded.{0}"
    return ("least" if kind == "min" else "greatest") + "(kept.{0}, excluded.{0})"  # both ignore nulls
