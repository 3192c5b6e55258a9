"""Postgres: connections, errors by what the caller does next, and SQL files.

A package's statements are files: ``sql/<name>.sql``, one statement each, described in its first lines.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from contracts.errors import ConfigurationError, TailraceError, UnavailableError

# both ends close a connection whose other end is silent for 25 s; the server then gives up the session's locks
_KEEPALIVE = {
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 25_000,
}


class DatabaseUnavailableError(UnavailableError):
    """The database did not answer or closed the connection: retry."""


class DatabaseMissingError(ConfigurationError):
    """The server has no database of that name: create it, or name another."""


_CLOSED = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server closed the connection between two statements
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
UNAVAILABLE = (OSError, asyncio.TimeoutError, *_CLOSED)
"""Errors after which a retry may succeed."""

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    ValueError,
)
_DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError, asyncpg.PostgresIOError)
_NOT_ALLOWED = (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)


def as_sentence(error: Exception) -> TailraceError | None:
    """Returns the error to show for one that a statement raised; None if the database is not its cause."""
    if isinstance(error, _CLOSED):  # any other OSError may be a file's
        reason = error or type(error).__name__
        return DatabaseUnavailableError(
            f"the database closed the connection: {reason}; run the same command again once it answers"
        )
    if not isinstance(error, asyncpg.PostgresError):
        return None
    if isinstance(error, _NOT_ALLOWED):
        return ConfigurationError(
            f"the database's user may not do that: {error.args[0]}; grant it the right, or use the tables' owner"
        )
    if isinstance(error, _DAMAGED):
        return TailraceError(
            f"the database's files are damaged: {error.args[0]}; check its disk, and build the tables again from the "
            "log: `tailrace replay` and `tailrace cutover`, or `tailrace replay --into` another database"
        )
    return TailraceError(f"the database refuses: {error.args[0]}; see its own log for more")


async def connect(
    dsn: str,
    *,
    name: str,
    timeout: float = 10.0,
    database: str | None = None,
    limit: float | None = None,
    idle: float | None = None,
    **session: str,
) -> "asyncpg.Connection":
    """Opens a connection in UTC, with ``name`` as its application name.

    It does not inherit the ``search_path`` and ``role`` that someone set for the user or the database.

    ``database`` overrides the database of ``dsn``; ``limit`` is the timeout of each statement, in seconds: a call can
    pass its own ``timeout``, up to the server's ``statement_timeout``, which is the same unless ``session`` has it. The
    server ends the session, and gives up its locks, after ``idle`` seconds without a statement. ``session`` are further
    Postgres settings.

    Raises:
        ConfigurationError: the address, the user or the password is wrong, or the user lacks the right to connect.
        DatabaseMissingError: there is no such database.
        DatabaseUnavailableError: the server does not answer.
    """
    settings = _session(name) | session
    if limit is not None:
        settings.setdefault("statement_timeout", f"{limit * 1000:.0f}")
    if idle is not None:
        settings |= dict.fromkeys(("idle_session_timeout", "idle_in_transaction_session_timeout"), f"{idle * 1000:.0f}")
    try:
        return await _connect(dsn, timeout=timeout, database=database, command_timeout=limit, server_settings=settings)
    except _REFUSED as error:
        raise _refusal(error) from None
    except UNAVAILABLE as error:
        raise _unavailable(dsn, error) from error


@asynccontextmanager
async def connected(dsn: str, **options: Any) -> "AsyncIterator[asyncpg.Connection]":
    """A connection while the block runs; ``options`` and errors are those of ``connect``."""
    connection = await connect(dsn, **options)
    try:
        yield connection
    finally:
        await close(connection)


async def close(connection: "asyncpg.Connection", timeout: float = 2.0) -> None:
    """Closes a connection in at most ``timeout`` seconds; asyncpg's own limit does not hold while it cancels."""
    try:
        async with asyncio.timeout(timeout):
            await connection.close()
    except (asyncpg.PostgresError, *UNAVAILABLE):
        connection.terminate()


async def connect_pool(dsn: str, *, name: str, size: int, smallest: int = 1, timeout: float = 10.0) -> "asyncpg.Pool":
    """Opens a pool of ``smallest`` to ``size`` connections; raises the same errors as ``connect``."""
    try:
        return await asyncpg.create_pool(
            dsn, connect=_connect, min_size=smallest, max_size=size, timeout=timeout, server_settings=_session(name)
        )
    except _REFUSED as error:
        raise _refusal(error) from None
    except UNAVAILABLE as error:
        raise _unavailable(dsn, error) from error


async def _connect(*arguments: Any, **options: Any) -> "asyncpg.Connection":
    connection = await asyncpg.connect(*arguments, **options)
    own_end = connection._transport.get_extra_info("socket")
    if own_end.family != socket.AF_UNIX:
        own_end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            own_end.setsockopt(socket.IPPROTO_TCP, option, value)
    return connection


def _unavailable(dsn: str, error: Exception) -> DatabaseUnavailableError:
    address = urlsplit(dsn)
    shown = address.netloc.rpartition("@")[2] + address.path
    reason = error or type(error).__name__
    return DatabaseUnavailableError(
        f"the database at {shown} does not answer: {reason}; start it, or set its address with TAILRACE_DATABASE"
    )


def _refusal(error: Exception) -> ConfigurationError:
    kind = DatabaseMissingError if isinstance(error, asyncpg.InvalidCatalogNameError) else ConfigurationError
    # of Postgres' errors only the first line: a detail and a hint may follow
    reason = error.args[0] if isinstance(error, asyncpg.PostgresError) else error
    return kind(f"the database refuses the connection: {reason}")


def _session(name: str) -> dict[str, str]:
    settings = {
        "search_path": "public",
        "role": "none",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "25000",
    }
    return {"application_name": f"tailrace-{name}", "timezone": "UTC", **settings}


@cache
def read_sql(package: str, name: str) -> str:
    """Returns the text of ``sql/<name>.sql`` in a package."""
    return (files(package) / "sql" / f"{name}.sql").read_text("utf-8")
