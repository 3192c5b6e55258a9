"""A role that may read everything and write nothing: for Grafana, and for people with psql."""

import asyncpg

from contracts.errors import ConfigurationError


async def ensure_reader(connection: "asyncpg.Connection", user: str, password: str) -> None:
    """Makes the role, or gives it this password.

    Raises:
        ConfigurationError: this user of the database may not make roles.
    """
    known = await connection.fetchval("select true from pg_roles where rolname = $1", user)
    statements = [
        f"{'alter' if known else 'create'} role %1$I login password %2$L",
        "alter role %1$I set default_transaction_read_only = on",
        # a statement of READ COMMITTED can miss rows of a chunk of TimescaleDB that is made while it is planned
        "alter role %1$I set default_transaction_isolation = 'repeatable read'",
        "grant pg_read_all_data to %1$I",
    ]
    try:
        for statement in statements:
            formatted = await connection.fetchval("select format($1, $2::text, $3::text)", statement, user, password)
            await connection.execute(formatted)
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"the role {user}, which may read everything, can't be made: {error}") from None
