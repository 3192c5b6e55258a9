"""Commits a batch to the ledger and the read model: all of its changes in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from migrations.catalogue import Model
from migrations.flavours import Flavour
from projection.batch import Batch, Parked, Row, park_entry
from projection.ledger import Ledger
from projection.user_sets import BatchUsers, UserSets
from runtime.postgres import read_sql

CAUSED_BY_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    # raised by triggers that someone added to the tables
    asyncpg.PLPGSQLError,
    asyncpg.ExternalRoutineError,
    asyncpg.SQLRoutineError,
    asyncpg.TriggeredActionError,
    asyncpg.TriggeredDataChangeViolationError,
    asyncpg.WithCheckOptionViolationError,
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
_DELETE_ROWS = "delete from pg_temp.batch where seq in (select unnest($1::bigint[]))"
_ARRAYS = (
    "unnest($8::uuid[], $9::text[], $10::bigint[], $11::timestamptz[], $12::text[], $13::bigint[])"
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
        self.ledger = Ledger(connection)
        self.sets = UserSets(connection)
        self._connection = connection
        self._read_position = projection_sql("read_position")
        self._move_position = projection_sql("move_position")
        self._park_events = projection_sql("park_events")
        self._note_gap = projection_sql("note_gap")

    async def position(self) -> Cursor | None:
        """Returns the model's position; None before the first batch."""
        row = await self._connection.fetchrow(self._read_position)
        return Cursor(row["epoch"], row["seq"], row["fingerprint"]) if row["epoch"] else None

    async def commit(self, batch: Batch, expected: Cursor) -> Committed:
        """Projects a batch that begins right behind ``expected``; on any error the model does not change.

        Raises:
            PositionMovedError: the model is not at ``expected``.
            asyncpg.PostgresError: see ``CAUSED_BY_DATA``.
        """
        self.sets.discard()
        try:
            async with self._connection.transaction():
                done = await self._project(batch, expected, batch.position(expected.epoch))
        except BaseException:
            self.ledger.forget()
            raise
        self.sets.committed(batch.entries[-1].seq)
        return done

    async def _project(self, batch: Batch, expected: Cursor, position: Cursor) -> Committed:
        logged_at = batch.entries[-1].logged_at
        moved = await self._connection.fetchrow(self._move_position, *position, logged_at, expected.seq)
        if moved is None:
            raise PositionMovedError(f"the read model is no longer at {expected}")
        copied = len(batch.rows) >= COPY_FROM
        if copied:
            await self._connection.execute(_CREATE_BATCH)
            await self._connection.copy_records_to_table("batch", schema_name="pg_temp", records=batch.rows)
        duplicates = await self.ledger.find_duplicates(batch, expected, copied=copied)
        rows, parked = _select(batch, duplicates, moved["raw_from"])
        if copied and len(rows) < len(batch.rows):
            kept = {row[5] for row in rows}
            await self._connection.execute(_DELETE_ROWS, [row[5] for row in batch.rows if row[5] not in kept])
        if rows:
            ordinals = await self.ledger.ordinals([row[2] for row in rows])
            users = await self.sets.add(rows, ordinals, moved["revision"], behind=expected.seq)
            await project_rows(self._connection, self.model.flavour, rows, position.seq, users, copied=copied)
        if parked:
            await self._park(parked)
        if gaps := batch.gaps(expected.seq):
            await self._connection.executemany(self._note_gap, gaps)
        return Committed(len(rows), len(parked), len(batch.entries) - len(rows) - len(parked))

    async def _park(self, parked: list[Parked]) -> None:
        await self._connection.execute(
            self._park_events,
            [item.entry.seq for item in parked],
            [item.event_id for item in parked],
            [item.code for item in parked],
            [item.reason for item in parked],
            [item.entry.payload for item in parked],
            [item.entry.logged_at for item in parked],
        )


def _select(batch: Batch, duplicates: set[int], raw_from: datetime | None) -> tuple[list[Row], list[Parked]]:
    """Returns the rows to store and the entries to park, without duplicates.

    Events before ``raw_from`` are parked: their rows were dropped, so the aggregates can't be refreshed.
    """
    rows, parked = batch.rows, batch.parked
    if duplicates:
        rows = [row for row in rows if row[5] not in duplicates]
        parked = [one for one in parked if one.entry.seq not in duplicates]
    if raw_from is not None and any(row[3] < raw_from for row in rows):
        late = {row[5] for row in rows if row[3] < raw_from}
        reason = BEFORE_RETENTION.format(raw_from)
        parked = parked + [
            park_entry(entry, "before_retention", reason) for entry in batch.entries if entry.seq in late
        ]
        rows = [row for row in rows if row[5] not in late]
    return rows, parked


async def project_rows(
    connection: "asyncpg.Connection",
    flavour: Flavour,
    rows: Sequence[Row],
    seq: int,
    users: BatchUsers,
    *,
    copied: bool = False,
) -> None:
    """Stores rows of a batch that ends at ``seq`` and adds them to every count; call it in a transaction.

    ``copied``: they are in the temporary table ``batch``.
    """
    columns = [] if copied else zip(*rows, strict=True)
    await connection.execute(_project_events(flavour, copied=copied), seq, len(rows), *users, *columns)


@cache
def _project_events(flavour: Flavour, *, copied: bool) -> str:
    sql = projection_sql("project_events").replace("\n{roll_up}\n", "\n" + projection_sql(f"roll_up.{flavour}"))
    sql = sql[sql.index("with new") :]  # the comments name the parts
    if copied:
        return sql.format(batch="pg_temp.batch", materialized="not materialized")
    return sql.format(batch=_ARRAYS, materialized="materialized")
