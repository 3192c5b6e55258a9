"""Verifies a build by building it again: the same definition, up to the same log entry, must give the same rows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from migrations.projections import DeclaredModel, remove_projection
from projection.declared.digest import TableDigest, compare, digest
from projection.declared.replay import build_to, rebuild
from projection.replay import Step
from runtime.log.client import LogClient
from runtime.settings import Settings


class Verified(NamedTuple):
    """What was compared: the position of the build, the digests of its tables, and the differences as sentences."""

    position: Cursor
    tables: dict[str, TableDigest]
    differences: list[str]


async def verify_projection(
    client: LogClient,
    settings: Settings,
    connection: "asyncpg.Connection",
    model: DeclaredModel,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Verified:
    """Compares a build with another one made from the log up to the same entry.

    Parked retries are part of what differs: a replay applies such an event in the order of the log.

    Raises:
        TailraceError: the build can't be made again.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        position, kept = await snapshot(connection, model)
    async with scratch(connection, model) as other:
        await build_to(client, settings, other, position, asyncio.Event(), on_step)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            _, rebuilt = await snapshot(connection, other)
    return Verified(position, kept, compare(kept, rebuilt))


async def snapshot(connection: "asyncpg.Connection", model: DeclaredModel) -> tuple[Cursor, dict[str, TableDigest]]:
    """Returns the position of a build and its digests; call it in one snapshot."""
    row = await connection.fetchrow(f"select epoch, seq, fingerprint from {model.schema}.projection_position")
    return Cursor(*row), await digest(connection, model)


@asynccontextmanager
async def scratch(connection: "asyncpg.Connection", model: DeclaredModel) -> AsyncIterator[DeclaredModel]:
    """An empty build of the same definition that is removed at the end; `drop-old` removes one that was left over."""
    other = await rebuild(connection, model, model.ledger, "dropping")
    # `drop-old` waits for it
    await connection.execute("select pg_advisory_lock($1)", other.projector_lock)
    try:
        yield other
    finally:
        async with connection.transaction():
            await remove_projection(connection, other)
        await connection.execute("select pg_advisory_unlock($1)", other.projector_lock)
