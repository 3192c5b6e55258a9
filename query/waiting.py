"""Read-your-writes: waits until a read model includes a position of the log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from contracts.cursors import Cursor, fingerprints_agree
from contracts.errors import ConflictError, UnavailableError
from migrations.files import GENERATION
from query.as_of import cursor_of
from query.database import snapshot
from query.errors import QueryError

WAIT_TIMEOUT = 5.0
"""Seconds to wait."""
POLL_INTERVAL = 0.02
"""Seconds between two polls; a poll costs the database well under a millisecond."""


class NotYetProjectedError(QueryError, UnavailableError):
    """The read model did not reach the position in time: try again."""

    status = 504
    title = "Not yet projected"
    retry_after = 1


class AnotherLogError(QueryError, ConflictError):
    """The position belongs to another history than the read model, which never reaches it."""

    status = 409
    title = "Another log"


async def read_position(pool: "asyncpg.Pool", timeout: float) -> Any:
    """Returns the position of the analytics model (``position.sql``) within ``timeout`` seconds.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    async with snapshot(pool, timeout) as ask:
        return await ask.position()


async def wait_until_projected(read: Callable[[], Awaitable[Any]], wanted: Cursor) -> None:
    """Waits until the position that ``read`` returns (epoch, seq, fingerprint) includes ``wanted``.

    Raises:
        NotYetProjectedError: it does not after ``WAIT_TIMEOUT`` seconds.
        AnotherLogError: it never will.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + WAIT_TIMEOUT
    while True:
        row = await read()
        projected = cursor_of(row)
        if projected.epoch and projected.epoch != wanted.epoch:
            raise AnotherLogError(
                f"min_cursor: {wanted} belongs to another log; the epoch of the read model is {projected.epoch}"
            )
        if projected.seq == wanted.seq and not fingerprints_agree(projected.fingerprint, wanted.fingerprint):
            raise AnotherLogError(
                f"min_cursor: the read model is at {projected}, another history than that of {wanted}"
            )
        if projected.seq >= wanted.seq:
            return
        if row.get("generation", GENERATION) != GENERATION:
            raise NotYetProjectedError(
                f"min_cursor: the read model stays at {projected.seq} while its successor is built; `tailrace status` "
                "shows how far that is"
            )
        if clock() > deadline:
            raise NotYetProjectedError(
                f"min_cursor: the read model is at {projected.seq} and did not reach {wanted.seq} in {WAIT_TIMEOUT:g} s"
            )
        await asyncio.sleep(POLL_INTERVAL)


async def wait_until_settled(pool: "asyncpg.Pool", timeout: float) -> None:
    """Waits until every count includes all events projected by now; events that arrive later may be missing.

    Raises:
        NotYetProjectedError: some are still pending after ``WAIT_TIMEOUT`` seconds.
        DatabaseUnavailableError: the database does not answer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + WAIT_TIMEOUT
    model = wanted = None
    while True:
        row = await read_position(pool, timeout)
        if model != (row["made_at"], row["epoch"]):  # the first poll, or a cutover since the last one
            model, wanted = (row["made_at"], row["epoch"]), row["seq"]
        if not row["late_pending"] or row["settled_seq"] >= wanted:
            return
        if clock() > deadline:
            raise NotYetProjectedError(
                f"settled: {row['late_pending']} late events are still pending after {WAIT_TIMEOUT:g} s"
            )
        await asyncio.sleep(POLL_INTERVAL)
