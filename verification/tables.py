"""The read model as its tables tell it, all in one snapshot."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import Gap, merge_gaps
from migrations.catalogue import Model
from runtime.postgres import read_sql
from verification.digests import LEVELS, Cell
from verification.recount import Row

_SETTLED = {"minute": "hour", "hour": "hour", "day": "day"}
"""What is left out of a rollup for an hour whose late events are on their way."""

_sql = partial(read_sql, "verification")


class Late(NamedTuple):
    """Late events of an hour that the aggregates don't have yet; ``gen`` rises with each batch that brings some."""

    events: int
    gen: int


class Tables:
    """Asks one model through a connection in a REPEATABLE READ transaction, its ``search_path`` the model's schema."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self._connection = connection

    async def position(self) -> tuple[Cursor | None, int]:
        """Up to where the model has seen the log (None: nothing), and the first sequence it counts from."""
        row = await self._connection.fetchrow("select epoch, seq, fingerprint, log_from from projection_position")
        return (Cursor(row["epoch"], row["seq"], row["fingerprint"]) if row["epoch"] else None), row["log_from"]

    async def parked(self) -> dict[int, str]:
        """Parked sequences and their codes."""
        return {row["seq"]: row["code"] for row in await self._connection.fetch("select seq, code from parked_events")}

    async def gaps(self) -> tuple[Gap, ...]:
        """The gaps of the log that the model has passed."""
        rows = await self._connection.fetch("select first_seq, last_seq from log_gaps")
        return merge_gaps(Gap(row["first_seq"], row["last_seq"]) for row in rows)

    async def hash_rows(self, rows: Sequence[Row], late: Collection[datetime]) -> Sequence[Any]:
        """Hashes rows of the log, and the cells of the rollups they fall into, without the hours ``late``."""
        found: Sequence[Any] = await self._connection.fetch(_sql("hash_rows"), *_columns(rows), list(late))
        return found

    async def hash_all(self, late: Collection[datetime]) -> AsyncIterator[Sequence[Any]]:
        """Hashes what the tables hold, one after the other; rollups without the hours ``late``."""
        yield await self._connection.fetch(_sql("hash_table"))
        for level in LEVELS:
            yield await self._connection.fetch(_of_level("hash_rollup", level), list(late))

    async def differing_rows(self, rows: Sequence[Row], cells: Sequence[Cell], limit: int) -> Sequence[Any]:
        """Rows of some cells that are not the log's; ``rows`` are all that the log asks for there."""
        days, types = [day for day, _ in cells], [event_type for _, event_type in cells]
        found: Sequence[Any] = await self._connection.fetch(_sql("differing_rows"), *_columns(rows), days, types, limit)
        return found

    async def raw_from(self) -> datetime | None:
        """From when on single rows are kept; None: all are."""
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

    async def ordinals(self) -> dict[int, int]:
        """Returns the ledger's users and their ordinals."""
        return dict(await self._connection.fetch("select user_id, ordinal from users"))

    def user_sets(self) -> Any:
        """Returns an asynchronous iterator over (level, bucket, event_type, users, members) of the stored sets."""
        query = "select level, bucket, event_type, users, members from user_sets"
        return self._connection.cursor(query, prefetch=100)

    async def set_log(self) -> Sequence[Any]:
        """Returns (event_types, packed) of the batches that are not merged into the sets yet."""
        found: Sequence[Any] = await self._connection.fetch("select event_types, packed from set_log")
        return found

    def ledger(self) -> Any:
        """Returns an asynchronous iterator over (event_id, seq) of the ledger, which may be ahead of the model."""
        return self._connection.cursor("select event_id, seq from event_ids", prefetch=5_000)

    async def duplicates(self, last: int) -> list[int]:
        """Returns the sequences up to ``last`` that the ledger records as duplicates."""
        rows = await self._connection.fetch("select first_seq, last_seq from duplicates where first_seq <= $1", last)
        return [seq for first, end in rows for seq in range(first, min(end, last) + 1)]


def _of_level(name: str, level: str) -> str:
    return _sql(name).replace("{level}", level).replace("{settled}", _SETTLED[level])


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [
        [row.event.event_id for row in rows],
        [row.event.event_type for row in rows],
        [row.event.user_id for row in rows],
        [row.event.created_at for row in rows],
        [bytes(row.event.event_data).decode() for row in rows],
        [row.seq for row in rows],
    ]
