"""Queries to the read model: named SQL files, and one snapshot per answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import asyncpg

from contracts.patterns import TypePattern, matching
from migrations.files import GENERATION
from query.errors import QueryTimeoutError
from query.where import Where, matching_events
from runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, read_sql

ACQUIRE_TIMEOUT = 5.0
"""Seconds that a request waits for a free connection."""
RELEASE_TIMEOUT = 5.0

_releasing: set[asyncio.Task[None]] = set()

_BEGIN = """
begin isolation level repeatable read read only;
-- compiling a plan takes longer than most queries run
set local jit = off;
-- before the snapshot: this waits for a cutover in progress, and a later cutover waits for this transaction
lock table public."{view}" in access share mode
"""


class Pools(NamedTuple):
    """Connections to the database: a queue for each kind of question, so that slow ones hold up no other."""

    questions: "asyncpg.Pool"
    top: "asyncpg.Pool"
    """For the values of properties, which read single events."""
    health: "asyncpg.Pool"


class Snapshot:
    """Runs named queries against one state of the database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.stale = False
        """Whether the live model is of the previous generation: frozen until its successor is shown."""
        self.keeps_pages = False
        """Whether the live model has the rollup ``pages``: those made before it have not."""

    async def position(self) -> Any:
        """Returns the row of ``position.sql``; comes before every other query about the analytics model."""
        position = await self.row("position")
        self.stale = position["generation"] != GENERATION
        self.keeps_pages = position["keeps_pages"]
        return position

    async def rows(self, name: str, *arguments: object) -> list[Any]:
        """Returns the rows of a named query."""
        rows: list[Any] = await self.connection.fetch(read_sql("query", name), *arguments)
        return rows

    async def rows_where(self, name: str, where: Where, *arguments: object) -> list[Any]:
        """Returns the rows of a named query about events, restricted to those that fulfil conditions."""
        conditions, values = matching_events(where, len(arguments))
        sql = read_sql("query", name).replace("{where}", conditions)
        rows: list[Any] = await self.connection.fetch(sql, *arguments, *values)
        return rows

    async def row(self, name: str, *arguments: object) -> Any:
        """Returns the first row of a named query that always returns one."""
        return (await self.rows(name, *arguments))[0]

    async def event_types(self, patterns: Sequence[TypePattern]) -> list[str] | None:
        """Returns the event types that match any pattern; None without patterns, which selects every type."""
        if not patterns:
            return None
        if all(pattern.is_exact for pattern in patterns):
            return [pattern.text for pattern in patterns]
        known = [row["event_type"] for row in await self.rows("all_time", None)]
        return matching(patterns, filter(None, known))


@asynccontextmanager
async def snapshot(pool: "asyncpg.Pool", timeout: float, view: str = "projection_position") -> AsyncIterator[Snapshot]:
    """Opens a read-only transaction on one state of the database, for at most ``timeout`` seconds.

    No cutover replaces ``view`` meanwhile.

    Raises:
        asyncpg.UndefinedTableError: there is no such view.
        DatabaseUnavailableError: no connection is free, or the connection was lost.
        QueryTimeoutError: the time limit was reached.
    """
    connection = await _acquire(pool)
    try:
        async with asyncio.timeout(timeout):
            await connection.execute(_BEGIN.format(view=view))  # in one round trip
            yield Snapshot(connection)
    except TimeoutError as error:
        raise QueryTimeoutError(f"the database needed more than {timeout:g} s: ask for a shorter range") from error
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"the database connection was lost: {error or type(error).__name__}") from error
    finally:
        # the answer does not wait for it: a server that hangs would outlast the time limit
        releasing = asyncio.create_task(_release(pool, connection))
        _releasing.add(releasing)
        releasing.add_done_callback(_releasing.discard)


async def _release(pool: "asyncpg.Pool", connection: Any) -> None:
    with suppress(*UNAVAILABLE, asyncpg.PostgresError):
        try:
            await connection.execute("rollback", timeout=RELEASE_TIMEOUT)  # nothing was written
        except BaseException:
            connection.terminate()
            raise
        finally:
            await pool.release(connection, timeout=RELEASE_TIMEOUT)


async def _acquire(pool: "asyncpg.Pool") -> Any:
    try:
        return await pool.acquire(timeout=ACQUIRE_TIMEOUT)
    except TimeoutError as error:
        raise DatabaseUnavailableError(
            f"no connection to the database was free within {ACQUIRE_TIMEOUT:g} s"
        ) from error
    except (*UNAVAILABLE, asyncpg.PostgresError) as error:
        raise DatabaseUnavailableError(f"the database does not answer: {error or type(error).__name__}") from error
