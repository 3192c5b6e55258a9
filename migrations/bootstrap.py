"""Creates the database if it is missing and brings it up to date."""

from urllib.parse import unquote, urlsplit

import asyncpg

from contracts.errors import ConfigurationError
from migrations.runner import migrate
from runtime.postgres import DatabaseMissingError, connect
from runtime.settings import Settings

_MAINTENANCE = "postgres"  # every server has this database: connect to it to create another


async def ensure_database(settings: Settings) -> None:
    """Creates the database that the settings name if it is missing, and brings it up to date.

    Raises:
        ConfigurationError: the server refuses the connection, or to create the database.
        DatabaseUnavailableError: no server answers.
        SchemaError: a newer Tailrace made the database.
    """
    dsn = settings.dsn
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    if not name:
        raise ConfigurationError("the address does not name a database: expected postgresql://user@host:port/name")
    try:
        connection = await connect(dsn, name="migrate")
    except DatabaseMissingError:
        # only now: the owner of an existing database may have no right to connect to another one
        await _create(dsn, name)
        connection = await connect(dsn, name="migrate")
    try:
        await migrate(connection, settings)
    finally:
        await connection.close()


async def _create(dsn: str, name: str) -> None:
    try:
        admin = await connect(dsn, name="migrate", database=_MAINTENANCE)
    except ConfigurationError as error:
        raise ConfigurationError(f"the database {name} does not exist and can't be created: {error}") from None
    try:
        await admin.execute(await admin.fetchval("select format('create database %I', $1::text)", name))
    except asyncpg.DuplicateDatabaseError:
        pass  # another process was faster
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"the database {name} can't be created: {error}") from None
    finally:
        await admin.close()
