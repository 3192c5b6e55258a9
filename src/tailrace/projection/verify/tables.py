"""The read model as its tables tell it, all in one snapshot."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.entries import Gap, merged
from tailrace.projection.verify.recount import Row
from tailrace.runtime.sql import read_sql

LEVELS = ("minute", "hour", "day")
TAKEN_AS_PARKED = ("database_refused", "before_retention")
"""Codes of parked events that the log alone can't tell to be impossible."""
Cell = tuple[datetime, str]
"""A UTC day and an event type."""


_sql = partial(read_sql, "tailrace.projection.verify")


class Digests:
    """Sums of row hashes per cell, modulo 2**64, and how many rows each is of."""

    def __init__(self) -> None:
        self.rows: Counter[Cell] = Counter()
        self.sums: dict[Cell, int] = {}

    def add(self, found: Sequence[Any]) -> None:
        """Adds the answer of ``hash_rows`` or ``hash_table``."""
        for row in found:
            cell = (row["day"], row["event_type"])
            self.rows[cell] += row["events"]
            self.sums[cell] = (self.sums.get(cell, 0) + int(row["digest"])) % 2**64

    @property
    def total(self) -> str:
        """One digest of all rows: 16 hex digits."""
        return f"{sum(self.sums.values()) % 2**64:016x}"

    def since(self, moment: datetime | None) -> "Digests":
        """Those of the days from ``moment`` on."""
        if moment is None:
            return self
        found = Digests()
        for cell, digest in self.sums.items():
            if cell[0] >= moment:
                found.sums[cell], found.rows[cell] = digest, self.rows[cell]
        return found

    def differing(self, other: "Digests") -> list[Cell]:
        """Cells whose rows are not the same."""
        cells = self.sums.keys() | other.sums.keys()
        return sorted(
            cell for cell in cells if (self.rows[cell], self.sums.get(cell)) != (other.rows[cell], other.sums.get(cell))
        )


class Tables:
    """Asks one model through a connection in a REPEATABLE READ transaction, its ``search_path`` the model's schema."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self._connection = connection

    async def position(self) -> tuple[Cursor | None, int]:
        """Up to where the model has seen the log (None: nothing), and the first sequence it counts from."""
        row = await self._connection.fetchrow("select epoch, seq, mark, log_from from projection_position")
        return (Cursor(row["epoch"], row["seq"], row["mark"]) if row["epoch"] else None), row["log_from"]

    async def parked(self) -> dict[int, str]:
        """Parked sequences and their codes."""
        return {row["seq"]: row["code"] for row in await self._connection.fetch("select seq, code from parked_events")}

    async def gaps(self) -> tuple[Gap, ...]:
        """The gaps of the log that the model has passed."""
        rows = await self._connection.fetch("select first_seq, last_seq from log_gaps")
        return merged(Gap(row["first_seq"], row["last_seq"]) for row in rows)

    async def hash_rows(self, rows: Sequence[Row]) -> Sequence[Any]:
        """Hashes rows of the log, per cell."""
        found: Sequence[Any] = await self._connection.fetch(_sql("hash_rows"), *_columns(rows))
        return found

    async def hash_table(self) -> Sequence[Any]:
        """Hashes the table's rows, per cell."""
        found: Sequence[Any] = await self._connection.fetch(_sql("hash_table"))
        return found

    async def differing_rows(self, rows: Sequence[Row], cells: Sequence[Cell], limit: int) -> Sequence[Any]:
        """Rows of some cells that are not the log's; ``rows`` are all that the log asks for there."""
        days, types = [day for day, _ in cells], [event_type for _, event_type in cells]
        found: Sequence[Any] = await self._connection.fetch(_sql("differing_rows"), *_columns(rows), days, types, limit)
        return found

    async def raw_from(self) -> datetime | None:
        """From when on single rows are kept; None: all are."""
        found: datetime | None = await self._connection.fetchval("select raw_from from projection_position")
        return found

    async def late_pending(self) -> int:
        """Late events that the aggregates don't have yet."""
        return int(await self._connection.fetchval("select coalesce(sum(events), 0)::bigint from late_ranges"))

    async def events_in(self, level: str) -> int:
        """All that a rollup counts."""
        return int(await self._connection.fetchval(f"select coalesce(sum(events), 0)::bigint from events_by_{level}"))

    async def differing_buckets(self, level: str, since: datetime | None, limit: int) -> Sequence[Any]:
        """Cells of a rollup that the rows don't add up to."""
        sql = _sql("differing_buckets").replace("{level}", level)
        found: Sequence[Any] = await self._connection.fetch(sql, since, limit)
        return found

    async def differing_users(self, since: datetime | None, limit: int) -> Sequence[Any]:
        """Users per hour that are not the rows'."""
        found: Sequence[Any] = await self._connection.fetch(_sql("differing_users"), since, limit)
        return found

    async def day_counts(self, level: str, before: datetime) -> Sequence[Any]:
        """A rollup's sums per day and type."""
        found: Sequence[Any] = await self._connection.fetch(_sql("day_counts").replace("{level}", level), before)
        return found

    async def totals(self) -> Sequence[Any]:
        """All-time counts, beside the sets of users they are made from."""
        found: Sequence[Any] = await self._connection.fetch(_sql("totals"))
        return found

    async def differing_totals(self, limit: int) -> Sequence[Any]:
        """All-time counts that the rows or the sets of users don't add up to."""
        found: Sequence[Any] = await self._connection.fetch(_sql("differing_totals"), limit)
        return found

    def ledger(self) -> Any:
        """An asynchronous iterator over (event_id, seq) of the ledger."""
        return self._connection.cursor("select event_id, seq from event_ids", prefetch=5_000)


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [
        [row.event.event_id for row in rows],
        [row.event.event_type for row in rows],
        [row.event.user_id for row in rows],
        [row.event.created_at for row in rows],
        [bytes(row.event.event_data).decode() for row in rows],
        [row.seq for row in rows],
    ]
