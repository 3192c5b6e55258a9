"""Read-your-writes: waiting until the read model has seen a position of the log."""

import asyncio

import asyncpg

from contracts.cursors import Cursor, fingerprints_agree
from contracts.errors import ConflictError, UnavailableError
from query.database import snapshot

PATIENCE = 5.0
"""Seconds to wait."""
POLL = 0.02
"""Seconds between looks; a look costs the database well under a millisecond."""


class NotYetProjectedError(UnavailableError):
    """The read model has not got there in time: ask again."""


class AnotherLogError(ConflictError):
    """The position is of another history than the read model's: it will never get there."""


async def until_projected(pool: "asyncpg.Pool", wanted: Cursor, timeout: float) -> None:
    """Waits until the read model includes ``wanted``.

    Raises:
        NotYetProjectedError: it doesn't after ``PATIENCE`` seconds.
        AnotherLogError: it never will.
        DatabaseUnavailableError: the database does not answer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE
    while True:
        async with snapshot(pool, timeout) as ask:
            row = await ask.row("position")
        projected = Cursor(row["epoch"], row["seq"], row["fingerprint"])
        if projected.epoch and projected.epoch != wanted.epoch:
            raise AnotherLogError(
                f"min_cursor: {wanted} is of another log than the read model, whose epoch is {projected.epoch}"
            )
        if projected.seq == wanted.seq and not fingerprints_agree(projected.fingerprint, wanted.fingerprint):
            raise AnotherLogError(f"min_cursor: the read model has {projected}, another history than that of {wanted}")
        if projected.seq >= wanted.seq:
            return
        if clock() > deadline:
            raise NotYetProjectedError(
                f"min_cursor: the read model is at {projected.seq} and has not reached {wanted.seq} in {PATIENCE:g} s"
            )
        await asyncio.sleep(POLL)


async def until_settled(pool: "asyncpg.Pool", timeout: float) -> None:
    """Waits until every event that is projected now is in every count; what comes late meanwhile may not be.

    Raises:
        NotYetProjectedError: some are still pending after ``PATIENCE`` seconds.
        DatabaseUnavailableError: the database does not answer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE
    model = wanted = None
    while True:
        async with snapshot(pool, timeout) as ask:
            row = await ask.row("position")
        if model != (row["made_at"], row["epoch"]):  # the first look, or readers have gone over to another model
            model, wanted = (row["made_at"], row["epoch"]), row["seq"]
        if not row["late_pending"] or row["settled_seq"] >= wanted:
            return
        if clock() > deadline:
            raise NotYetProjectedError(
                f"settled: {row['late_pending']} late events are still pending after {PATIENCE:g} s"
            )
        await asyncio.sleep(POLL)
