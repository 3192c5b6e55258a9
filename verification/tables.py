"""Reads the tables of a read model, all in one snapshot."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg
from pyroaring import BitMap64

from contracts.cursors import Cursor
from contracts.entries import Gap, merge_gaps
from migrations.catalogue import Model
from migrations.user_sets import ALL, QUARTER
from runtime.postgres import read_sql
from tailrace.declared import PAGES
from verification.digests import LEVELS, Cell
from verification.recount import Entry
from verification.rollups import RollupReader

_SETTLED = {"minute": "hour", "hour": "hour", "day": "day"}
"""The buckets to leave out of a rollup for an hour with pending late events, by level."""

_SEPARATOR = "\x1e"
_sql = partial(read_sql, "verification")


class Late(NamedTuple):
    """Late events of an hour that the aggregates don't have yet; ``gen`` rises with each batch that brings some."""

    events: int
    gen: int


class Tables:
    """Asks one model through a connection in a REPEATABLE READ transaction, its ``search_path`` the model's schema."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self._connection = connection
        self._model = model

    async def keeps_pages(self) -> bool:
        """Whether the model has the rollup ``pages``."""
        return bool(await self._connection.fetchval("select keeps_pages from projection_position"))

    def pages(self) -> RollupReader:
        """Returns what reads the rollup ``pages``."""
        return RollupReader(self._connection, self._model.pages, self._model.ledger, PAGES)

    async def position(self) -> tuple[Cursor | None, int]:
        """The model's position (None: it has seen nothing), and the first sequence that it counts."""
        row = await self._connection.fetchrow("select epoch, seq, fingerprint, log_from from projection_position")
        return (Cursor(row["epoch"], row["seq"], row["fingerprint"]) if row["epoch"] else None), row["log_from"]

    async def parked(self) -> dict[int, str]:
        """Parked sequences and their codes."""
        return {row["seq"]: row["code"] for row in await self._connection.fetch("select seq, code from parked_events")}

    async def gaps(self) -> tuple[Gap, ...]:
        """The gaps of the log that the model has passed."""
        rows = await self._connection.fetch("select first_seq, last_seq from log_gaps")
        return merge_gaps(Gap(row["first_seq"], row["last_seq"]) for row in rows)

    async def hash_entries(
        self, entries: Sequence[Entry], late: Collection[datetime], *, trust: bool = False
    ) -> Sequence[Any]:
        """Hashes the rows of log entries that the ledger names, and the cells of the rollups they fall into.

        Rollups are hashed without the hours ``late``. The rows without a relation are of the entries that the ledger
        does not name: ``seq``, and the entry that it names for their id. With ``trust`` it is not asked.
        """
        found: Sequence[Any] = await self._connection.fetch(_sql("hash_entries"), *_columns(entries), list(late), trust)
        return found

    async def hash_all(self, late: Collection[datetime]) -> AsyncIterator[Sequence[Any]]:
        """Hashes the tables one after the other; rollups without the hours ``late``."""
        yield await self._connection.fetch(_sql("hash_table"))
        for level in LEVELS:
            yield await self._connection.fetch(_of_level("hash_rollup", level), list(late))

    async def differing_rows(self, rows: Sequence[Entry], cells: Sequence[Cell], limit: int) -> Sequence[Any]:
        """Returns the rows of some cells that differ; ``rows`` are those that the log has there."""
        days, types = [day for day, _ in cells], [event_type for _, event_type in cells]
        found: Sequence[Any] = await self._connection.fetch(_sql("differing_rows"), *_columns(rows), days, types, limit)
        return found

    async def raw_from(self) -> datetime | None:
        """The time from which single rows are kept; None: all are."""
        found: datetime | None = await self._connection.fetchval("select raw_from from projection_position")
        return found

    async def late(self) -> dict[datetime, Late]:
        """Hours with late events that the aggregates don't have yet."""
        rows = await self._connection.fetch("select hour, events, gen from late_ranges")
        return {row["hour"]: Late(row["events"], row["gen"]) for row in rows}

    async def differing_buckets(
        self, level: str, since: datetime | None, late: Collection[datetime], limit: int
    ) -> Sequence[Any]:
        """Cells of a rollup that the rows don't add up to."""
        sql = _of_level("differing_buckets", level)
        found: Sequence[Any] = await self._connection.fetch(sql, since, list(late), limit)
        return found

    async def all_time(self) -> dict[str, tuple[int, int]]:
        """Events and users per type; "" counts all types."""
        rows = await self._connection.fetch("select event_type, events, users from all_time")
        return {row["event_type"]: (row["events"], row["users"]) for row in rows}

    def users(self) -> Any:
        """Returns an asynchronous iterator over the ledger's (user, ordinal), in the order of users."""
        return self._connection.cursor("select user_id, ordinal from users order by user_id", prefetch=5_000)

    async def user_sets(self, level: int, start: int, end: int) -> Sequence[Any]:
        """Returns the stored sets of a level and finer ones, from ``start`` up to ``end`` (seconds since 1970)."""
        query = "select * from user_sets where level between $1 and $2 and bucket >= $3 and bucket < $4"
        found: Sequence[Any] = await self._connection.fetch(query, level, level and QUARTER, start, end)
        return found

    async def days_of_sets(self) -> set[int]:
        """Returns the days of the stored sets: their starts in seconds since 1970."""
        query = "select distinct bucket - bucket % 86400 as day from user_sets where level <> $1"
        return {row["day"] for row in await self._connection.fetch(query, ALL)}

    async def set_log(self) -> Sequence[Any]:
        """Returns (event_types, packed) of the batches that are not merged into the sets yet."""
        found: Sequence[Any] = await self._connection.fetch("select event_types, packed from set_log")
        return found

    async def claims(self, last: int) -> int:
        """Returns how many ids the ledger, which may be ahead of the model, gives to entries up to ``last``."""
        found: int = await self._connection.fetchval("select count(*) from event_ids where seq <= $1", last)
        return found

    def ledger(self, last: int) -> Any:
        """Returns an asynchronous iterator over (event_id, seq) of the ledger up to ``last``."""
        query = "select event_id, seq from event_ids where seq <= $1"
        return self._connection.cursor(query, last, prefetch=5_000)

    async def duplicates(self, last: int) -> BitMap64:
        """Returns the sequences up to ``last`` that the ledger records as duplicates."""
        rows = await self._connection.fetch("select first_seq, last_seq from duplicates where first_seq <= $1", last)
        found = BitMap64()
        for first, end in rows:
            found.add_range(first, min(end, last) + 1)
        return found


def _of_level(name: str, level: str) -> str:
    return _sql(name).replace("{level}", level).replace("{settled}", _SETTLED[level])


def _columns(entries: Sequence[Entry]) -> tuple[list[Any] | str, ...]:
    """Returns the parameters for entries: ids, types, users, microseconds since 1970, data and sequences.

    Types and data are joined: the driver encodes each element of an array several times as slowly. Neither contains
    the separator, an unescaped control character.
    """
    events = [entry.event for entry in entries]
    return (
        [entry.event_id for entry in entries],
        _SEPARATOR.join([event.event_type if event else "" for event in events]),
        [event and event.user_id for event in events],
        # exact: until the year 2106 the doubles are closer together than half a microsecond
        [event and round(event.created_at.timestamp() * 1e6) for event in events],
        _SEPARATOR.encode().join([event.event_data if event else b"" for event in events]).decode(),
        [entry.seq for entry in entries],
    )
