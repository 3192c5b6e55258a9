"""The two flavours of a read model, and the choice between them."""

from typing import Literal

import asyncpg

from contracts.errors import ConfigurationError

Flavour = Literal["postgres", "timescale"]

OLDEST = (2, 23)
"""The oldest TimescaleDB (major, minor) that the timescale flavour is tested with."""


async def choose_flavour(connection: "asyncpg.Connection", wanted: Literal["auto"] | Flavour) -> Flavour:
    """Returns the flavour of a new model: the one ``wanted``, or with ``auto`` the best that the server supports.

    Raises:
        ConfigurationError: timescale is wanted and the server does not support it; the message says why.
    """
    if wanted == "postgres":
        return "postgres"
    obstacle = await timescale_obstacle(connection)
    if obstacle is None:
        return "timescale"
    if wanted == "timescale":
        raise ConfigurationError(f"the timescale flavour is not possible here: {obstacle}")
    return "postgres"


async def timescale_obstacle(connection: "asyncpg.Connection") -> str | None:
    """Returns why the database does not support the timescale flavour; None if nothing speaks against it."""
    found = await connection.fetchrow(
        "select installed_version, coalesce(installed_version, default_version) as version"
        " from pg_available_extensions where name = 'timescaledb'"
    )
    if found is None:
        return "TimescaleDB is not installed on the server"
    if tuple(int(part) for part in found["version"].split("-")[0].split(".")[:2]) < OLDEST:
        return f"TimescaleDB {found['version']} is too old: {'.'.join(map(str, OLDEST))} or newer is needed"
    if found["installed_version"] is None:
        # the loader defines this setting; the license is known only after the extension is created
        loaded = await connection.fetchval("select current_setting('timescaledb.max_background_workers', true)")
        return None if loaded else "TimescaleDB is installed but not loaded: add it to shared_preload_libraries"
    return await _license_obstacle(connection)


async def _license_obstacle(connection: "asyncpg.Connection") -> str | None:
    license = await connection.fetchval("select current_setting('timescaledb.license', true)")
    if license == "timescale":
        return None
    return f"continuous aggregates need TimescaleDB's community edition, and its license here is {license!r}"


async def ensure_timescale(connection: "asyncpg.Connection") -> None:
    """Creates the TimescaleDB extension if it is missing.

    Raises:
        ConfigurationError: the user lacks the right, or the server has another edition.
    """
    try:
        await connection.execute("create extension if not exists timescaledb")
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"the extension timescaledb can't be created ({error}): have an administrator run `create extension "
            "timescaledb`, or set TAILRACE_FLAVOUR=postgres"
        ) from None
    if obstacle := await _license_obstacle(connection):
        raise ConfigurationError(f"{obstacle}; set TAILRACE_FLAVOUR=postgres")


async def extension_schema(connection: "asyncpg.Connection") -> str:
    """Returns the schema of TimescaleDB's functions; ``public`` without the extension."""
    schema: str | None = await connection.fetchval(
        "select quote_ident(nspname) from pg_extension join pg_namespace n on n.oid = extnamespace "
        "where extname = 'timescaledb'"
    )
    return schema or "public"
