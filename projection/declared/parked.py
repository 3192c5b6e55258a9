"""Parked events of a declared projection: a ``Rollup`` is patched, everything else is built again.

An event may be added to a rollup later: counts don't depend on the order, unless its day has reached the limit of
combinations. To a ``Fold`` or ``Sql`` it may not: after newer events it would not have the result of a replay.
"""

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import ConflictError, EventRejectedError
from contracts.events import read_entry
from contracts.upcasting import Upcasters
from migrations.projections import DeclaredModel
from projection.declared.batch import LoggedEvent, Selection
from projection.declared.rollup import RollupApplier
from projection.ledger import Ledger
from projection.parked import ParkedEvent, Retried
from projection.store import CAUSED_BY_DATA, projection_sql
from tailrace.declared import RollupDefinition, decode_definition

LAST = 2**63 - 1


class RebuildError(ConflictError):
    """Parked events can't be added to the present rows: build the projection again."""


async def list_parked(
    connection: "asyncpg.Connection", model: DeclaredModel, *, first: int = 0, last: int = LAST, limit: int = 500
) -> list[ParkedEvent]:
    """Returns the oldest ``limit`` parked events of a build from sequence ``first`` to ``last``."""
    await connection.execute("select set_config('search_path', $1, false)", model.schema)
    rows = await connection.fetch(projection_sql("list_parked"), first, last, limit)
    return [ParkedEvent(**dict(row)) for row in rows]


async def retry_parked(
    connection: "asyncpg.Connection", model: DeclaredModel, parked: ParkedEvent, upcasters: Upcasters
) -> Retried:
    """Adds one parked event to a ``Rollup``.

    Raises:
        RebuildError: the projection has to be built again.
    """
    definition = decode_definition(model.definition)
    if not isinstance(definition, RollupDefinition):
        raise RebuildError(f"an event of the past can't be applied to {model} after newer ones")
    try:
        event = read_entry(parked.payload, logged_at=parked.logged_at, upcasters=upcasters)
    except EventRejectedError as error:
        return Retried(parked.seq, error.message)
    await connection.execute("select set_config('search_path', $1, false)", f"{model.schema}, {model.ledger}")
    logged = LoggedEvent(LogEntry(parked.seq, int(parked.logged_at.timestamp() * 1e9), "", parked.payload), event)
    ledger = Ledger(connection)
    await ledger.ordinals([event.user_id])  # in a transaction of its own
    try:
        async with connection.transaction():
            # the position's row first: the worker stops at the changed revision and reads everything again
            cursor = Cursor(
                *await connection.fetchrow(
                    "update projection_position set revision = revision + 1 returning epoch, seq, fingerprint"
                )
            )
            gone = "delete from parked_events where seq = $1 returning seq"
            if await connection.fetchval(gone, parked.seq) is None:
                return Retried(parked.seq, "another command has just retried it")
            applier = RollupApplier(model, definition, ledger)
            await applier.prepare(connection, Selection(cursor, None, [logged], []))
            if applier.is_beyond_limit:
                raise RebuildError(f"the day of log entry {parked.seq} has reached the limit of {model}")
            await applier.write(connection, cursor.seq)
    except CAUSED_BY_DATA as error:
        return Retried(parked.seq, f"the database refuses it: {error.args[0]}")
    return Retried(parked.seq, None)
