"""Applies batches to a ``Fold``: reads the rows of a batch's keys, evolves them, and writes those that changed."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import asyncpg

from contracts.errors import TailraceError
from migrations.projections import DeclaredModel
from projection.batch import Parked, park_entry
from projection.declared import watchdog
from projection.declared.batch import Selection
from projection.declared.columns import quoted
from projection.declared.tables import TYPES
from projection.declared.watchdog import CodeTimeoutError, time_limit
from tailrace.declared import Event, EvolveError, Evolver, FoldDefinition

CACHE_BYTES = 64 * 1024 * 1024
ROW_BYTES = 600
"""Bytes that a cached row takes at least: its key, its dict and their values."""

Key = tuple[Any, ...]
Row = dict[str, Any]


class FoldApplier:
    """Evolves the rows of a fold."""

    def __init__(self, model: DeclaredModel, definition: FoldDefinition, evolver: Evolver) -> None:
        self._name = model.name
        self._evolver = evolver
        self._cache: OrderedDict[Key, Row | None] = OrderedDict()
        self._cached_bytes = 0
        self._changed: dict[Key, Row | None] = {}
        self._key_types = [TYPES[field.type] for field in definition.key.values()]
        self._columns = list(definition.columns)
        keys, columns = quoted(definition.key), quoted(definition.columns)
        types = [TYPES[column.type] for column in definition.columns.values()]
        wanted = f"unnest({_arrays(self._key_types)}) as wanted ({', '.join(keys)})"
        self._select = (
            f"select {', '.join(f'kept.{name}' for name in [*keys, *columns])}"
            f" from {wanted} join {model.schema}.rows as kept using ({', '.join(keys)})"
        )
        self._upsert = (
            f"insert into {model.schema}.rows ({', '.join([*keys, *columns])})"
            f" select * from unnest({_arrays([*self._key_types, *types])}) on conflict ({', '.join(keys)})"
            " do update set " + ", ".join(f"{column} = excluded.{column}" for column in columns)
        )
        same = " and ".join(f"kept.{key} = wanted.{key}" for key in keys)
        self._delete = f"delete from {model.schema}.rows as kept using {wanted} where {same}"

    async def prepare(self, connection: "asyncpg.Connection", selection: Selection) -> list[Parked]:
        """Evolves the rows in memory; an event whose evolution raises leaves its row as it was.

        Raises:
            TailraceError: ``evolve`` does not return.
        """
        parked: list[Parked] = []
        keyed: list[tuple[Key, Event, int]] = []
        for index, one in enumerate(selection.events):
            event = one.copy()
            try:
                key = self._evolver.key(event)
            except EvolveError as error:
                parked.append(park_entry(one.entry, "evolve_failed", str(error)))
                continue
            if key is not None:
                keyed.append((key, event, index))
        rows = await self._load(connection, {key for key, *_ in keyed})
        changed: set[Key] = set()
        event_id = None
        try:
            with time_limit(watchdog.BATCH_TIMEOUT):
                for key, event, index in keyed:
                    event_id = event.event_id
                    try:
                        rows[key] = self._evolver.evolve(rows[key], event)
                    except EvolveError as error:
                        parked.append(park_entry(selection.events[index].entry, "evolve_failed", str(error)))
                    else:
                        changed.add(key)
        except CodeTimeoutError:
            raise TailraceError(
                f"{self._name}: evolve did not return in {watchdog.BATCH_TIMEOUT:g} s, at the event {event_id}"
            ) from None
        self._changed = {key: rows[key] for key in changed}
        return parked

    async def write(self, connection: "asyncpg.Connection", seq: int) -> None:
        """Writes the rows that changed and deletes those that ended."""
        kept = [(*key, *(row[name] for name in self._columns)) for key, row in self._changed.items() if row is not None]
        gone = [key for key, row in self._changed.items() if row is None]
        if kept:
            await connection.execute(self._upsert, *zip(*kept, strict=True))
        if gone:
            await connection.execute(self._delete, *zip(*gone, strict=True))

    def committed(self) -> None:
        """Caches the rows that changed."""
        for key, row in self._changed.items():
            self._remember(key, row)
        self._changed = {}

    def discard(self) -> None:
        """Forgets every row."""
        self._changed = {}
        self._cache.clear()
        self._cached_bytes = 0

    async def maintain(self, connection: "asyncpg.Connection", *, idle: bool) -> None:
        """Does nothing: a fold has no other work."""

    async def _load(self, connection: "asyncpg.Connection", keys: set[Key]) -> dict[Key, Row | None]:
        rows: dict[Key, Row | None] = {key: self._cache[key] for key in keys if key in self._cache}
        missing = list(keys - rows.keys())
        if missing:
            rows.update(dict.fromkeys(missing))
            width = len(self._key_types)
            for found in await connection.fetch(self._select, *zip(*missing, strict=True)):
                values = tuple(found)
                rows[values[:width]] = dict(zip(self._columns, values[width:], strict=True))
        return rows

    def _remember(self, key: Key, row: Row | None) -> None:
        if key in self._cache:
            self._cached_bytes -= _size(key, self._cache.pop(key))
        self._cache[key] = row
        self._cached_bytes += _size(key, row)
        while self._cached_bytes > CACHE_BYTES:
            self._cached_bytes -= _size(*self._cache.popitem(last=False))


def _size(key: Key, row: Row | None) -> int:
    values: Sequence[Any] = (*key, *(row or {}).values())
    return ROW_BYTES + sum(4 * len(value) for value in values if isinstance(value, str))


def _arrays(types: list[str]) -> str:
    return ", ".join(f"${number}::{kind.split(' collate')[0]}[]" for number, kind in enumerate(types, 1))
