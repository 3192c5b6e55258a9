"""Postgres: pools, and errors sorted by what the caller does next."""

import asyncio
from typing import Any

import asyncpg

from contracts.errors import ConfigurationError, TailraceError, UnavailableError


class DatabaseUnavailableError(UnavailableError):
    """The database did not answer or closed the connection: retry."""


class DatabaseMissingError(ConfigurationError):
    """The server has no database of that name: create it, or name another."""


_BROKE_OFF = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the server broke off between two statements
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
UNAVAILABLE = (OSError, asyncio.TimeoutError, *_BROKE_OFF)
"""What trying again may cure."""

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    ValueError,
)
_NOT_ALLOWED = (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)


def as_sentence(error: Exception) -> TailraceError | None:
    """What a person has to know of an error in the middle of working with the database; None where it is not of it."""
    if isinstance(error, _BROKE_OFF):  # any other OSError may be a file's
        why = error or type(error).__name__
        return DatabaseUnavailableError(f"the database broke off: {why}; run the same again once it answers")
    if not isinstance(error, asyncpg.PostgresError):
        return None
    if isinstance(error, _NOT_ALLOWED):
        return ConfigurationError(
            f"the database's user may not do that: {error.args[0]}; give it the right, or use the tables' owner"
        )
    return TailraceError(f"the database refuses: {error.args[0]}; its own log tells more")


async def connect(
    dsn: str, *, name: str, timeout: float = 10.0, database: str | None = None, **session: str
) -> "asyncpg.Connection":
    """Opens one connection, UTC, named ``name`` in the server; to ``database`` if it is not the one that ``dsn`` names.

    ``session`` are further settings of Postgres for it.

    Raises:
        ConfigurationError: the address, the user or the password is wrong, or the user may not connect.
        DatabaseMissingError: there is no such database.
        DatabaseUnavailableError: no server answers.
    """
    try:
        return await asyncpg.connect(dsn, timeout=timeout, database=database, server_settings=_session(name) | session)
    except _REFUSED as error:
        raise _refusal(error) from None
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
        raise _refusal(error) from None
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"the database does not answer: {error or type(error).__name__}") from error


def _refusal(error: Exception) -> ConfigurationError:
    kind = DatabaseMissingError if isinstance(error, asyncpg.InvalidCatalogNameError) else ConfigurationError
    # what a server says may have more lines: a detail, a hint
    return kind(f"the database refuses the connection: {error.args[0] if error.args else error}")


def _session(name: str) -> dict[str, str]:
    return {"application_name": f"tailrace-{name}", "timezone": "UTC"}
