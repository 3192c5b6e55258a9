"""Asking the read model: named queries, and one snapshot per answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from contracts.errors import TailraceError
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError
from runtime.sql import read_sql

ACQUIRE_TIMEOUT = 5.0
"""Seconds a question waits for a connection, which others may all be using."""
RELEASE_TIMEOUT = 5.0

_BEGIN = """
begin isolation level repeatable read read only;
-- compiling a plan takes longer than most of them run
set local jit = off;
-- before the snapshot is taken: a cut-over that is under way is waited for, a later one waits
lock table public.projection_position in access share mode
"""


class QuestionTooSlowError(TailraceError):
    """The database was given up waiting for: ask for less."""


class Snapshot:
    """Asks named queries, all of one state of the database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def rows(self, name: str, *arguments: object) -> list[Any]:
        """The rows of a named query."""
        rows: list[Any] = await self.connection.fetch(read_sql("query", name), *arguments)
        return rows

    async def row(self, name: str, *arguments: object) -> Any:
        """The first row of a named query that always has one."""
        return (await self.rows(name, *arguments))[0]


@asynccontextmanager
async def snapshot(pool: "asyncpg.Pool", timeout: float) -> AsyncIterator[Snapshot]:
    """A read-only transaction that sees one state of the database, of at most ``timeout`` seconds.

    Raises:
        DatabaseUnavailableError: there is no connection to be had, or it broke.
        QuestionTooSlowError: the time was not enough.
    """
    connection = await _acquire(pool)
    try:
        try:
            async with asyncio.timeout(timeout), _transaction(connection):
                yield Snapshot(connection)
        finally:
            await pool.release(connection, timeout=RELEASE_TIMEOUT)
    except TimeoutError as error:
        raise QuestionTooSlowError(f"the database needed more than {timeout:g} s: ask for a shorter range") from error
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"the database broke off: {error or type(error).__name__}") from error


@asynccontextmanager
async def _transaction(connection: Any) -> AsyncIterator[None]:
    try:
        await connection.execute(_BEGIN)  # in one round trip
        yield
    finally:
        await connection.execute("rollback")  # nothing was written


async def _acquire(pool: "asyncpg.Pool") -> Any:
    try:
        return await pool.acquire(timeout=ACQUIRE_TIMEOUT)
    except TimeoutError as error:
        raise DatabaseUnavailableError(
            f"no connection to the database was free within {ACQUIRE_TIMEOUT:g} s"
        ) from error
    except (*UNAVAILABLE, asyncpg.PostgresError) as error:
        raise DatabaseUnavailableError(f"the database does not answer: {error or type(error).__name__}") from error
