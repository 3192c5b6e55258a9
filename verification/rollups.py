"""Recounts a ``Rollup`` from the log and compares every cell of every level, and every set of users.

The recount shares with the projector how an event is read (``contracts``), the definition, and the format of
``set_log``.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

import asyncpg
from pyroaring import BitMap, BitMap64

from contracts.cursors import Cursor
from contracts.upcasting import NO_UPCASTERS, Upcasters
from migrations.projections import DeclaredModel
from migrations.rollup_sets import RollupTables, unpack
from runtime.log.client import LogClient
from runtime.log.positions import last_entry_until, verify_position
from tailrace.declared import SECONDS, Level, RollupDefinition, decode_definition
from verification.receipt import NAMED
from verification.recount import Entry, Recount, Refused, read_entries
from verification.rollup_count import Place, RollupCount, Sum


class RollupReceipt(NamedTuple):
    """What a verification of a rollup found: the log up to ``position`` has ``events`` for it, in ``cells`` cells."""

    name: str
    version: int
    position: Cursor
    events: int
    cells: int
    differences: list[str]


async def verify_rollup(
    client: LogClient,
    connection: "asyncpg.Connection",
    model: DeclaredModel,
    on_read: Callable[[int, int], None] = lambda done, of: None,
    *,
    upcasters: Upcasters = NO_UPCASTERS,
) -> RollupReceipt:
    """Reads the log again and compares. Nothing is locked; the projector may continue.

    Memory: about 300 bytes per combination of dimensions and shortest bucket.

    Raises:
        ForeignHistoryError, LostEntriesError: the log is not the one the projection was built from, or a part is gone.
        LogUnavailableError: the log does not answer.
    """
    definition = decode_definition(model.definition)
    assert isinstance(definition, RollupDefinition)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        tables = RollupReader(connection, model.tables, model.ledger, definition)
        position, log_from = await tables.position()
        if not position.epoch:
            return RollupReceipt(model.name, model.version, position, 0, 0, [])
        end = await last_entry_until(client, position.seq, await verify_position(client, position))
        counted = RollupCount(definition)
        refused = Refused(await tables.parked(), frozenset(), None)
        start = Cursor(position.epoch, log_from - 1)

        def read(seq: int) -> None:
            on_read(seq - log_from + 1, end - log_from + 1)

        recount = Recount()
        async for entries, _ in read_entries(client, start, end, refused, upcasters, read):
            # `tailrace verify` compares the ledger with the log
            first, _ = recount.count(entries, await tables.other_entries(entries), lambda entry, other: None)
            for entry in first:
                assert entry.event is not None
                counted.add(entry.event)
        cells, differences = await compare_rollup(tables, counted)
        return RollupReceipt(model.name, model.version, position, counted.events, cells, differences)


async def compare_rollup(tables: "RollupReader", counted: RollupCount) -> tuple[int, list[str]]:
    """Returns how many cells the log asks for, and a sentence for each that differs."""
    cells, differing, differing_users = 0, [], []
    users = await tables.users() if counted.has_users else {}
    for level in counted.definition.every:
        expected = counted.cells(level)
        cells += len(expected)
        sets = {place: one.users for place, one in expected.items()}
        differing += _named([text async for text in tables.differing_cells(level, expected)], f"cells_{level}")
        if tables.keeps_users(level):
            differing_users += await tables.differing_users(level, sets, users)
    return cells, differing + differing_users


def _named(found: list[str], what: str) -> list[str]:
    more = len(found) - NAMED
    return found if more <= 0 else [*found[:NAMED], f"{what}: {more:,} more cells differ"]


class RollupReader:
    """The tables of a rollup, through a connection in a REPEATABLE READ transaction, and the schema of its ledger."""

    def __init__(
        self, connection: "asyncpg.Connection", tables: RollupTables, ledger: str, definition: RollupDefinition
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._ledger = ledger
        self._definition = definition
        self._dims = "".join(f', "{name}"' for name in definition.by)

    async def position(self) -> tuple[Cursor, int]:
        """Returns up to where the log is counted, and the first sequence that is."""
        row = await self._connection.fetchrow(f"select epoch, seq, fingerprint, log_from from {self._tables.position}")
        return Cursor(row["epoch"], row["seq"], row["fingerprint"]), row["log_from"]

    async def parked(self) -> frozenset[int]:
        """Returns the sequences that are parked."""
        rows = await self._connection.fetch(f"select seq from {self._tables.schema}.parked_events")
        return frozenset(row["seq"] for row in rows)

    async def other_entries(self, entries: list[Entry]) -> dict[int, int | None]:
        """Returns the entry that the ledger names for the id of an entry, where it is another one or none."""
        query = f"""
            select read.seq, named.seq as named from unnest($1::uuid[], $2::bigint[]) as read (event_id, seq)
            left join lateral (
                select seq from {self._ledger}.event_ids where event_ids.event_id = read.event_id offset 0
            ) as named on true
            where read.event_id is not null and named.seq is distinct from read.seq
        """
        ids, seqs = [entry.event_id for entry in entries], [entry.seq for entry in entries]
        return dict(await self._connection.fetch(query, ids, seqs))

    async def differing_cells(self, level: Level, expected: dict[Place, Sum]) -> Any:
        """Yields a sentence for each cell that is not what the log says; empties ``expected``."""
        measures = [name for name, measure in self._definition.measures.items() if measure.kind != "users"]
        columns = "".join(f', "{name}"' for name in measures)
        query = f"select bucket, other{self._dims}{columns} from {self._tables.cells(level)}"
        async for row in self._connection.cursor(query, prefetch=5_000):
            place = self._place(row)
            wanted = expected.pop(place, None)
            if wanted is None:
                yield f"{self._at(level, place)}: the log has no such events"
                continue
            for name in measures:
                kind = self._definition.measures[name].kind
                is_there = None if row[name] is None else Fraction(row[name])
                should_be = _value(kind, name, wanted)
                if is_there != should_be:
                    yield f"{self._at(level, place)}: {name} is {_shown(is_there)}, the log says {_shown(should_be)}"
        for place in expected:
            yield f"{self._at(level, place)}: it is missing"

    def keeps_users(self, level: Level) -> bool:
        """Whether the cells of a level have sets of users."""
        measures = self._definition.measures
        return any(measures[name].kind == "users" and self._definition.keeps(name, level) for name in measures)

    async def users(self) -> dict[int, int]:
        """Returns the user of each ordinal."""
        return dict(await self._connection.fetch(f"select ordinal, user_id from {self._ledger}.users"))

    async def differing_users(self, level: Level, expected: dict[Place, BitMap64], users: dict[int, int]) -> list[str]:
        """Returns a sentence for each set of ``users``, as ``users()`` has them, that is not what the log says."""
        found: list[str] = []
        stored = {place: members async for place, members in self._sets(level, found)}
        for bucket, other, dims, members in await self._recent():
            start = bucket // SECONDS[level] * SECONDS[level]
            place = Place(start, None if other else dims)
            stored[place] = stored.get(place, BitMap()) | members
        found += _named(
            [
                f"{self._at(level, place)}: {difference}"
                for place in expected.keys() | stored.keys()
                for difference in _compare(expected.get(place, BitMap64()), stored.get(place, BitMap()), users)
            ],
            f"members per {level}",
        )
        return found

    async def _sets(self, level: Level, differences: list[str]) -> Any:
        query = f"select bucket, other, users, members{self._dims} from {self._tables.members} where level = $1"
        async for row in self._connection.cursor(query, level, prefetch=1_000):
            place, members = self._place(row), BitMap.deserialize(row["members"])
            if row["users"] != len(members):
                differences.append(f"{self._at(level, place)}: it says {row['users']:,} users and has {len(members):,}")
            yield place, members

    async def _recent(self) -> list[Any]:
        rows = await self._connection.fetch(f"select cells from {self._tables.set_log}")
        return [cell for row in rows for cell in unpack(row["cells"])]

    def _place(self, row: Any) -> Place:
        dims = None if row["other"] else tuple(row[name] for name in self._definition.by)
        return Place(int(row["bucket"].timestamp()), dims)

    def _at(self, level: Level, place: Place) -> str:
        names = (
            ["other"]
            if place.dims is None
            else map("=".join, zip(self._definition.by, map(_text, place.dims), strict=True))
        )
        bucket = datetime.fromtimestamp(place.bucket, UTC)
        return f"{self._definition.name}, {level} {bucket.isoformat()} {' '.join(names)}".rstrip()


def _text(value: str | None) -> str:
    return "null" if value is None else repr(value)


def _shown(value: Fraction | None) -> str:
    return "null" if value is None else f"{float(value):,.15g}"


def _value(kind: str, name: str, one: Sum) -> Fraction | None:
    if kind == "count":
        return Fraction(one.events)
    numbers = one.numbers.get(name)
    if numbers is None:
        return Fraction(0) if kind == "sum" else None
    return numbers[("sum", "min", "max").index(kind)]


def _compare(expected: BitMap64, members: BitMap, users: dict[int, int]) -> Iterator[str]:
    stored = BitMap64([users[one] % 2**64 for one in members if one in users])
    if missing := expected - stored:
        yield f"user {_signed(missing[0])} is missing"
    elif extra := stored - expected:
        yield f"user {_signed(extra[0])} is there, but not in the log"
    elif unknown := [one for one in members if one not in users]:
        yield f"user of ordinal {unknown[0]} is there, but not in the log"


def _signed(user: int) -> int:
    return user if user < 2**63 else user - 2**64
