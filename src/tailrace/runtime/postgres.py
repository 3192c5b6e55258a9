"""Postgres: pools, and errors sorted by what the caller does next."""

import asyncio
from typing import Any

import asyncpg

from tailrace.contracts.errors import ConfigurationError, TailraceError


class DatabaseUnavailableError(TailraceError):
    """The database did not answer or broke off: try again."""


UNAVAILABLE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the server broke off between two statements
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What trying again may cure."""


_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError)


async def connect(
    dsn: str, *, name: str, timeout: float = 10.0, database: str | None = None, **session: str
) -> "asyncpg.Connection":
    """Opens one connection, UTC, named ``name`` in the server; to ``database`` if it is not the one that ``dsn`` names.

    ``session`` are further settings of Postgres for it.

    Raises:
        ConfigurationError: the address, the user, the password or the database is wrong.
        DatabaseUnavailableError: no server answers.
    """
    try:
        return await asyncpg.connect(dsn, timeout=timeout, database=database, server_settings=_session(name) | session)
    except _REFUSED as error:
        raise ConfigurationError(f"the database refuses the connection: {error}") from None
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"the database does not answer: {error or type(error).__name__}") from error


async def connect_pool(dsn: str, *, name: str, size: int, timeout: float = 10.0, **options: Any) -> "asyncpg.Pool":
    """Opens a pool of 1 to ``size`` connections like that of ``connect``; raises the same."""
    session = _session(name)
    try:
        return await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, timeout=timeout, server_settings=session, **options
        )
    except _REFUSED as error:
        raise ConfigurationError(f"the database refuses the connection: {error}") from None
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"the database does not answer: {error or type(error).__name__}") from error


def _session(name: str) -> dict[str, str]:
    return {"application_name": f"tailrace-{name}", "timezone": "UTC"}
