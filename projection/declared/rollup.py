"""Applies batches to a ``Rollup``: one upsert per level, and its users as bitmaps that are merged from time to time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from migrations.projections import DeclaredModel
from projection.batch import Parked
from projection.declared.batch import Selection
from projection.declared.rollup_users import RollupUsers
from projection.declared.tables import quoted, stored_measures, users_levels
from projection.ledger import Ledger
from tailrace.declared import SECONDS, CellKey, Level, RollupDefinition, Tally, reader

DAY = SECONDS["day"]
CACHED_DAYS = 400
"""UTC days whose combinations are cached; late events of more days empty the cache."""


class RollupApplier:
    """Counts events into the cells of a rollup."""

    def __init__(self, model: DeclaredModel, definition: RollupDefinition, ledger: Ledger) -> None:
        self._definition = definition
        self._schema = model.schema
        self._read = reader(definition)
        self._ledger = ledger
        self._tally = Tally(definition)
        self._ordinals: Mapping[int, int] = {}
        self._admitted: dict[int, set[tuple[str | None, ...]]] = {}
        self._measures = stored_measures(definition)
        self._upserts = {level: self._upsert(level) for level in definition.every}
        self._users = RollupUsers(model, definition) if users_levels(definition) else None

    @property
    def is_beyond_limit(self) -> bool:
        """Whether an event of what was prepared is counted as ``other``."""
        return any(key.dimensions is None for key in self._tally.cells)

    async def prepare(self, connection: "asyncpg.Connection", selection: Selection) -> list[Parked]:
        """Counts the events in memory."""
        days = {int(one.stored.created_at.timestamp() // DAY) for one in selection.events}
        await self._load_admitted(connection, days)
        self._tally = tally = Tally(self._definition, self._admitted)
        for one in selection.events:
            event = one.stored
            tally.add(self._read(event.event_type, event.user_id, one.data), event.user_id, event.created_at)
        if self._users is not None:
            self._ordinals = await self._ledger.ordinals([one.stored.user_id for one in selection.events])
        return []

    async def write(self, connection: "asyncpg.Connection", seq: int) -> None:
        """Adds the counts to the cells."""
        by_level: dict[Level, list[tuple[CellKey, list[Any]]]] = {}
        for key, values in self._tally.cells.items():
            by_level.setdefault(key.level, []).append((key, values))
        for level, cells in by_level.items():
            await connection.execute(self._upserts[level], *self._columns(cells))
        if self._users is not None:
            await self._users.add(connection, seq, self._tally, self._ordinals)

    def committed(self) -> None:
        """Keeps the combinations that the batch admitted."""
        self._tally = Tally(self._definition)

    def discard(self) -> None:
        """Forgets the combinations: a batch extends them before its commit."""
        self._admitted.clear()
        self.committed()

    async def maintain(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Merges the users of recent batches if it is time."""
        if self._users is not None:
            await self._users.merge_if_due(connection, idle=idle)

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
            f"select {dims} from unnest($1::timestamptz[]) as day (start) join {self._schema}.cells_{longest}"
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
            f"insert into {self._schema}.cells_{level} as kept ({columns}) select * from unnest({arrays})"
            f" on conflict ({conflict}) do {'update set ' + changes if changes else 'nothing'}"
        )


def _merged(kind: str) -> str:
    if kind in ("count", "sum"):
        return "kept.{0} + excluded.{0}"
    return ("least" if kind == "min" else "greatest") + "(kept.{0}, excluded.{0})"  # both ignore nulls
