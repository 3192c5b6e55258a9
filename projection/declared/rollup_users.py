"""The users of a ``Rollup``'s cells: batches append their users to ``set_log``, a merge moves them to ``members``.

A batch touches many cells, and a day's bitmaps are large: rewriting them in every batch costs more than all the rest.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Self

import asyncpg
from pyroaring import BitMap

from migrations.projections import DeclaredModel
from migrations.rollup_sets import Dims, PackedCell, RollupTables, SetCell, pack, set_key, unite
from projection.declared.columns import quoted, users_levels
from projection.user_sets import IDLE_EVENTS, MERGE_EVENTS, MERGE_INTERVAL
from tailrace.declared import SECONDS, Level, RollupDefinition, Tally, decode_definition


class UserSet(NamedTuple):
    """The set of users of one cell of a level."""

    level: Level
    bucket: int
    other: bool
    dims: Dims

    @classmethod
    def of(cls, level: Level, cell: SetCell) -> Self:
        """Returns the set of a level that the users of a cell belong to."""
        return cls(level, cell.bucket - cell.bucket % SECONDS[level], cell.other, cell.dims)

    @property
    def key(self) -> bytes:
        """Names (other, dims)."""
        return set_key(self.other, self.dims)


def users_levels_of(model: DeclaredModel) -> list[Level]:
    """Returns the levels of a build that keep users."""
    definition = decode_definition(model.definition)
    assert isinstance(definition, RollupDefinition)
    return users_levels(definition)


class RollupUsers:
    """The sets of users of one rollup."""

    def __init__(self, tables: RollupTables, definition: RollupDefinition) -> None:
        self._tables = tables
        self._levels = users_levels(definition)
        self._finest = self._levels[0]
        self._nobody: Dims = (None,) * len(definition.by)
        # every Users measure counts the same users; the first that the finest level keeps has them
        self._index = next(
            index
            for index, (name, measure) in enumerate(definition.measures.items())
            if measure.kind == "users" and definition.keeps(name, self._finest)
        )
        dims = quoted(definition.by)
        numbers = range(7, 7 + len(dims))
        self._write = (
            f"insert into {self._tables.members} ({', '.join(['level, bucket, key, other, users, members', *dims])})"
            " select * from unnest($1::text[], $2::timestamptz[], $3::bytea[], $4::boolean[], $5::bigint[], $6::bytea[]"
            f"{''.join(f', ${number}::text[]' for number in numbers)})"
            " on conflict (level, bucket, key) do update set users = excluded.users, members = excluded.members"
        )
        self._waiting: int | None = None  # unknown
        self._merged_at = time.monotonic()

    def cells_of(self, tally: Tally, ordinals: Mapping[int, int]) -> list[PackedCell]:
        """Returns the users of a tally, of the finest level that keeps users."""
        cells: list[PackedCell] = []
        for key, values in tally.cells.items():
            if key.level == self._finest:
                found = values[self._index]
                assert isinstance(found, set)
                dims = self._nobody if key.dimensions is None else key.dimensions
                cells.append((key.bucket, key.dimensions is None, dims, [ordinals[one] for one in found]))
        return cells

    async def add(self, connection: "asyncpg.Connection", seq: int, cells: Sequence[PackedCell]) -> None:
        """Appends the users of a batch; call it in its transaction."""
        if cells:
            events = sum(len(users) for *_, users in cells)
            await connection.execute(
                f"insert into {self._tables.set_log} (seq, events, cells) values ($1, $2, $3)", seq, events, pack(cells)
            )
            self._waiting = None if self._waiting is None else self._waiting + events

    async def merge_if_due(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Merges the users of recent batches if there are enough, or if they have waited long enough."""
        if self._waiting is None:
            query = f"select coalesce(sum(events), 0)::bigint from {self._tables.set_log}"
            self._waiting = int(await connection.fetchval(query))
        overdue = time.monotonic() - self._merged_at >= MERGE_INTERVAL
        if self._waiting >= (IDLE_EVENTS if idle else MERGE_EVENTS) or (overdue and self._waiting):
            await self.merge(connection)

    async def merge(self, connection: "asyncpg.Connection") -> None:
        """Merges the users of recent batches into the sets."""
        self._waiting = None
        async with connection.transaction():
            await connection.execute(f"select from {self._tables.position} for update")
            logged = await connection.fetch(f"delete from {self._tables.set_log} returning cells")
            sets: dict[UserSet, BitMap] = {}
            for cell in unite(row["cells"] for row in logged):
                for level in self._levels:
                    one = UserSet.of(level, cell)
                    sets[one] = sets[one] | cell.users if one in sets else cell.users
            await self._write_sets(connection, sets)
        self._waiting, self._merged_at = 0, time.monotonic()

    async def _write_sets(self, connection: "asyncpg.Connection", sets: dict[UserSet, BitMap]) -> None:
        if not sets:
            return
        cells = sorted((one.level, one.bucket, one.key, one) for one in sets)
        levels = [level for level, *_ in cells]
        buckets = [datetime.fromtimestamp(bucket, UTC) for _, bucket, *_ in cells]
        keys = [key for _, _, key, _ in cells]
        known = await connection.fetch(
            "select number, members from unnest($1::text[], $2::timestamptz[], $3::bytea[])"
            f" with ordinality as wanted (level, bucket, key, number) join {self._tables.members}"
            " using (level, bucket, key)",
            levels,
            buckets,
            keys,
        )
        found = [sets[one] for *_, one in cells]
        for number, members in known:
            found[number - 1] |= BitMap.deserialize(members)
        dims = zip(*(one.dims for *_, one in cells), strict=True)
        await connection.execute(
            self._write,
            levels,
            buckets,
            keys,
            [one.other for *_, one in cells],
            [len(users) for users in found],
            [users.serialize() for users in found],
            *map(list, dims),
        )
