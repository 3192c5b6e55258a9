"""Commits a batch to the ledger and the read model: all of its changes in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import cache, partial
from typing import NamedTuple

import asyncpg
from asyncpg.transaction import Transaction

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from migrations.catalogue import Model
from migrations.flavours import Flavour
from projection.batch import Batch, Parked, Row, park_entry
from projection.ledger import Ledger, claim_ids, claims_of
from projection.pages import Pages, has_pages
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


class _Prepared(NamedTuple):
    """A batch whose rows are in the temporary table of an open transaction."""

    batch: Batch
    connection: "asyncpg.Connection"
    transaction: Transaction


class Committed(NamedTuple):
    """The outcome of a batch: entries stored as rows, parked, and duplicates."""

    stored: int
    parked: int
    duplicates: int


projection_sql = partial(read_sql, "projection")
"""Returns the text of one of this package's statements."""


class Store:
    """One read model, through connections whose ``search_path`` is the model's schema (``use_model``)."""

    def __init__(
        self, connection: "asyncpg.Connection", model: Model, spare: "asyncpg.Connection | None" = None
    ) -> None:
        """``spare`` receives a large batch while ``connection`` commits the one before, and the other way around.

        Other work is done through ``connection``.
        """
        self.model = model
        self.ledger = Ledger(connection)
        self.sets = UserSets(connection)
        self.pages = Pages(connection, model)
        self._connection, self._main, self._spare = connection, connection, spare
        self._preparing = asyncio.Lock()
        self._prepared: _Prepared | None = None
        self._read_position = projection_sql("read_position")
        self._park_events = projection_sql("park_events")
        self._note_gap = projection_sql("note_gap")

    async def position(self) -> Cursor | None:
        """Returns the model's position; None before the first batch."""
        row = await self._main.fetchrow(self._read_position)
        return Cursor(row["epoch"], row["seq"], row["fingerprint"]) if row["epoch"] else None

    async def prepare(self, batch: Batch) -> None:
        """Sends the rows of a large batch, for the next ``commit``, while the batch before is committed."""
        if self._spare is None or len(batch.rows) < COPY_FROM:
            return
        async with self._preparing:
            connection = self._spare if self._connection is self._main else self._main
            self._prepared = _Prepared(batch, connection, connection.transaction())
            await self._prepared.transaction.start()
            await _copy(connection, batch)

    async def discard(self) -> None:
        """Rolls back what was prepared: another batch is next."""
        async with self._preparing:
            if self._prepared is not None:
                prepared, self._prepared = self._prepared, None
                await prepared.transaction.rollback()

    async def commit(self, batch: Batch, expected: Cursor) -> Committed:
        """Projects a batch that begins right behind ``expected``; on any error the model does not change.

        Raises:
            PositionMovedError: the model is not at ``expected``.
            asyncpg.PostgresError: see ``CAUSED_BY_DATA``.
        """
        self.sets.discard()
        self.pages.begin(expected.seq)
        try:
            if self._prepared is None and (done := await self._commit_at_once(batch, expected)) is not None:
                return done
            async with AsyncExitStack() as ending:
                prepared, self._prepared = self._prepared, None
                self._connection = self._main if prepared is None else prepared.connection
                self.ledger.connection = self.sets.connection = self.pages.connection = self._connection
                if prepared is None:
                    await ending.enter_async_context(self._connection.transaction())
                else:
                    assert prepared.batch is batch  # before another one, `discard` is called
                    ending.push_async_exit(prepared.transaction)
                copied = prepared is not None or len(batch.rows) >= COPY_FROM
                if prepared is None and copied:
                    await _copy(self._connection, batch)
                done = await self._project(batch, expected, copied=copied)
        except BaseException:
            self.ledger.forget()
            self.pages.discard()
            raise
        self.sets.committed(batch.entries[-1].seq)
        self.pages.committed(batch.entries[-1].seq)
        return done

    async def merge(self) -> None:
        """Merges the users of recent batches into their sets."""
        await self.sets.merge()
        await self.pages.merge()

    async def _commit_at_once(self, batch: Batch, expected: Cursor) -> Committed | None:
        """Commits a small batch in one statement. None: nothing changed, since it needs more, or it did not succeed."""
        rows, revision = batch.rows, self.sets.revision_at(expected.seq)
        usual = 0 < len({row[0] for row in rows}) == len(batch.entries) < COPY_FROM
        if revision is None or not usual or batch.gaps(expected.seq):
            return None
        if has_pages(rows):
            return None
        if (foreseen := self.ledger.foresee(row[2] for row in rows)) is None:
            return None
        position, last = batch.position(expected.epoch), batch.entries[-1]
        added = last.seq, len(rows), *self.sets.add(rows, foreseen.ordinals)
        moves = position.epoch, position.fingerprint, last.logged_at, expected.seq, revision
        oldest = min(row[3] for row in rows)
        try:
            done = await self._main.fetchval(
                _project_at_once(self.model.flavour),
                *added,
                *zip(*rows, strict=True),
                *moves,
                oldest,
                foreseen.first,
                foreseen.new,
            )
        except asyncpg.DivisionByZeroError:
            done = False  # another projector claimed one of the ids or users meanwhile
        if not done:
            self.sets.discard()
            return None
        self.ledger.added(foreseen)
        self.sets.committed(last.seq)
        self.pages.committed(last.seq)
        return Committed(len(rows), 0, 0)

    async def _project(self, batch: Batch, expected: Cursor, *, copied: bool) -> Committed:
        last, claims = batch.entries[-1], claims_of(batch, copied=copied)
        claim = await self._connection.fetchrow(
            claim_ids(copied=copied, model=True), *batch.position(expected.epoch), expected.seq, *claims, last.logged_at
        )
        if claim["revision"] is None:
            raise PositionMovedError(f"the read model is no longer at {expected}")
        if claim["moved"]:
            duplicates = set(claim["duplicates"])
        else:  # the ledger is not at the model's position
            duplicates = await self.ledger.find_duplicates(batch, expected, copied=copied)
        rows, parked = _select(batch, duplicates, claim["raw_from"])
        if copied and len(rows) < len(batch.rows):
            kept = {row[5] for row in rows}
            await self._connection.execute(_DELETE_ROWS, [row[5] for row in batch.rows if row[5] not in kept])
        if rows:
            ordinals = await self.ledger.ordinals([row[2] for row in rows], claim["users"])
            await self.sets.refresh(claim["revision"], behind=expected.seq)
            if copied:
                await self._project_copied(rows, last.seq, ordinals)
            else:
                users = self.sets.add(rows, ordinals)
                await project_rows(self._connection, self.model.flavour, rows, last.seq, users)
            if claim["keeps_pages"]:
                await self.pages.add(rows, ordinals, last.seq, claim["revision"])
        if parked:
            await self._park(parked)
        if gaps := batch.gaps(expected.seq):
            await self._connection.executemany(self._note_gap, gaps)
        return Committed(len(rows), len(parked), len(batch.entries) - len(rows) - len(parked))

    async def _project_copied(self, rows: list[Row], seq: int, ordinals: Mapping[int, int]) -> None:
        """Stores the rows in the temporary table; their users are counted while the database works on that."""

        async def add_meanwhile() -> BatchUsers:
            await asyncio.sleep(0)  # the statement is sent first
            return self.sets.add(rows, ordinals)

        storing = self._connection.execute(_project_copied(self.model.flavour))
        _, users = await asyncio.gather(storing, add_meanwhile())
        await self._connection.execute(_add_batch_users(), seq, len(rows), *users)

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


async def _copy(connection: "asyncpg.Connection", batch: Batch) -> None:
    await connection.execute(_CREATE_BATCH)
    await connection.copy_records_to_table("batch", schema_name="pg_temp", records=batch.rows)


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
    connection: "asyncpg.Connection", flavour: Flavour, rows: Sequence[Row], seq: int, users: BatchUsers
) -> None:
    """Stores rows of a batch that ends at ``seq`` and adds them to every count; call it in a transaction."""
    await connection.execute(_project_events(flavour), seq, len(rows), *users, *zip(*rows, strict=True))


@cache
def _project_events(flavour: Flavour) -> str:
    users = _part("add_batch_users").format(only_if="true")
    new = _part("project_events").format(
        batch=_ARRAYS, materialized="materialized", users=f"{users},", roll_up=_roll_up(flavour)
    )
    return f"with {new} select"


@cache
def _project_at_once(flavour: Flavour) -> str:
    """Returns a statement that is true, or false if nothing changed; it divides by zero if only a part could change."""
    users = _part("add_batch_users").format(only_if="exists (select from model)")
    new = _part("project_events").format(
        batch=f"{_ARRAYS} where exists (select from model)",
        materialized="materialized",
        users=f"{_part('claim_at_once')}, {users},",
        roll_up=_roll_up(flavour),
    )
    whole = "(select count(*) from claimed) + (select count(*) from added) = $2 + cardinality($21::bigint[])"
    moved = f"case when exists (select from model) then 1 / ({whole})::int else 0 end = 1"
    return f"with {_part('move_at_once')}, {new} select {moved}"


@cache
def _project_copied(flavour: Flavour) -> str:
    new = _part("project_events").format(
        batch="pg_temp.batch", materialized="not materialized", users="", roll_up=_roll_up(flavour)
    )
    return f"with {new} select"


@cache
def _add_batch_users() -> str:
    return f"with {_part('add_batch_users').format(only_if='true')} select"


def _roll_up(flavour: Flavour) -> str:
    return projection_sql(f"roll_up.{flavour}")


def _part(name: str) -> str:
    """Returns a part of a statement without the comment before it, which names placeholders."""
    return "".join(line for line in projection_sql(name).splitlines(keepends=True) if not line.startswith("--"))
