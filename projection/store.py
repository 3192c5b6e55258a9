"""Commits a batch to the read model: all of its changes in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal, NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from migrations.catalogue import Model
from migrations.flavours import Flavour
from projection.batch import Batch, Parked, Row, park_entry
from runtime.postgres import read_sql

CAUSED_BY_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""Database errors that an event's content causes; every other error is retried."""


BEFORE_RETENTION = "created_at: single events are kept from {:%Y-%m-%d} on (retention), and counts before are final"
"""The reason to park an event of a time whose rows were dropped."""


COPY_FROM = 500
"""Rows from which COPY into a temporary table is cheaper than arrays."""
_CREATE_BATCH = """
create temporary table if not exists batch (
    event_id uuid, event_type text, user_id bigint, created_at timestamptz, event_data text, seq bigint
) on commit delete rows
"""
_ARRAYS = (
    "unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[])"
    " as event (event_id, event_type, user_id, created_at, event_data, seq)"
)


class PositionMovedError(TailraceError):
    """The model is not at the expected position: read the position again and continue from there.

    Another projector is active, or a commit succeeded although its answer was lost.
    """


class Committed(NamedTuple):
    """The outcome of a batch: entries stored as rows, parked, and duplicates."""

    stored: int
    parked: int
    duplicates: int


projection_sql = partial(read_sql, "projection")
"""Returns the text of one of this package's statements."""


class Store:
    """One read model, through one connection whose ``search_path`` is the model's schema (``use_model``)."""

    def __init__(self, connection: "asyncpg.Connection", model: Model) -> None:
        self.model = model
        self._connection = connection
        self._read_position = projection_sql("read_position")
        self._move_position = projection_sql("move_position")
        self._claim_ids = projection_sql("claim_ids")
        self._park_events = projection_sql("park_events")
        self._note_gap = projection_sql("note_gap")

    async def position(self) -> Cursor | None:
        """Returns the model's position; None before the first batch."""
        row = await self._connection.fetchrow(self._read_position)
        return Cursor(row["epoch"], row["seq"], row["fingerprint"]) if row["epoch"] else None

    async def commit(self, batch: Batch, expected: Cursor) -> Committed:
        """Projects a batch that begins right behind ``expected``; on any error nothing changes.

        Raises:
            PositionMovedError: the model is not at ``expected``.
            asyncpg.PostgresError: see ``CAUSED_BY_DATA``.
        """
        position = batch.position(expected.epoch)
        async with self._connection.transaction():
            moved = await self._connection.fetchrow(
                self._move_position,
                position.epoch,
                position.seq,
                position.fingerprint,
                batch.entries[-1].logged_at,
                expected.seq,
            )
            if moved is None:
                raise PositionMovedError(f"the read model is no longer at {expected}")
            rows, candidates = _split_late(batch, moved["raw_from"])
            stored = await project_rows(self._connection, self.model.flavour, rows) if rows else 0
            parked = await self._park(candidates) if candidates else 0
            if gaps := batch.gaps(expected.seq):
                await self._connection.executemany(self._note_gap, gaps)
        return Committed(stored, parked, len(batch.entries) - stored - parked)

    async def _park(self, candidates: list[Parked]) -> int:
        """Parks the entries whose ids no earlier entry has claimed. Returns their number."""
        claims = [(item.event_id, item.entry.seq) for item in candidates if item.event_id is not None]
        rows: list[Any] = await self._connection.fetch(
            self._claim_ids, [event_id for event_id, _ in claims], [seq for _, seq in claims]
        )
        claimed = {row[0] for row in rows}
        parked = [item for item in candidates if item.event_id is None or item.entry.seq in claimed]
        await self._connection.execute(
            self._park_events,
            [item.entry.seq for item in parked],
            [item.event_id for item in parked],
            [item.code for item in parked],
            [item.reason for item in parked],
            [item.entry.payload for item in parked],
            [item.entry.logged_at for item in parked],
        )
        return len(parked)


def _split_late(batch: Batch, raw_from: datetime | None) -> tuple[list[Row], list[Parked]]:
    """Returns the rows to store and the entries to park.

    Events before ``raw_from`` are parked: their rows were dropped, so the aggregates can't be refreshed.
    """
    if raw_from is None or all(row[3] >= raw_from for row in batch.rows):
        return batch.rows, batch.parked
    late = {row[5] for row in batch.rows if row[3] < raw_from}
    reason = BEFORE_RETENTION.format(raw_from)
    too_old = [park_entry(entry, "before_retention", reason) for entry in batch.entries if entry.seq in late]
    return [row for row in batch.rows if row[5] not in late], batch.parked + too_old


async def project_rows(connection: "asyncpg.Connection", flavour: Flavour, rows: Sequence[Row]) -> int:
    """Stores rows and adds them to every count, unless their ids are claimed; call it in a transaction.

    Returns the number of new rows.
    """
    if len(rows) < COPY_FROM:
        return int(await connection.fetchval(_project_events(flavour, "arrays"), *zip(*rows, strict=True)))
    await connection.execute(_CREATE_BATCH)
    await connection.copy_records_to_table("batch", schema_name="pg_temp", records=rows)
    return int(await connection.fetchval(_project_events(flavour, "batch")))


@cache
def _project_events(flavour: Flavour, source: Literal["arrays", "batch"]) -> str:
    sql = projection_sql("project_events").replace("\n{roll_up}\n", "\n" + projection_sql(f"roll_up.{flavour}"))
    return sql.replace("{batch}", _ARRAYS if source == "arrays" else "pg_temp.batch")
