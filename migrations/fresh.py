"""A database that is there and up to date, made where it isn't there."""

from urllib.parse import unquote, urlsplit

import asyncpg

from contracts.errors import ConfigurationError
from migrations.runner import migrate
from runtime.postgres import DatabaseMissingError, connect
from runtime.settings import Settings

_MAINTENANCE = "postgres"  # the database that every server has, to be in while making another


async def ensure_database(settings: Settings) -> None:
    """Makes the database that the settings name if it isn't there, and brings it up to date.

    Raises:
        ConfigurationError: the server refuses the connection, or to make the database.
        DatabaseUnavailableError: no server answers.
        SchemaError: the database was made by a newer Tailrace.
    """
    dsn = settings.dsn
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    if not name:
        raise ConfigurationError("the address does not name a database: expected postgresql://user@host:port/name")
    try:
        connection = await connect(dsn, name="migrate")
    except DatabaseMissingError:
        # only now: who owns a database that is there may have no right to enter another one
        await _make(dsn, name)
        connection = await connect(dsn, name="migrate")
    try:
        await migrate(connection, settings)
    finally:
        await connection.close()


async def _make(dsn: str, name: str) -> None:
    try:
        admin = await connect(dsn, name="migrate", database=_MAINTENANCE)
    except ConfigurationError as error:
        raise ConfigurationError(f"the database {name} is not there and can't be made: {error}") from None
    try:
        await admin.execute(await admin.fetchval("select format('create database %I', $1::text)", name))
    except asyncpg.DuplicateDatabaseError:
        pass  # somebody else was faster
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"the database {name} can't be made: {error}") from None
    finally:
        await admin.close()
