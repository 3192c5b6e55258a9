"""The read-only database role for Grafana and psql."""

import asyncpg

from contracts.errors import ConfigurationError


async def ensure_reader(connection: "asyncpg.Connection", user: str, password: str) -> None:
    """Creates the role, or changes its password.

    Raises:
        ConfigurationError: the database user lacks the right to create roles.
    """
    known = await connection.fetchval("select true from pg_roles where rolname = $1", user)
    statements = [
        f"{'alter' if known else 'create'} role %1$I login password %2$L",
        "alter role %1$I set default_transaction_read_only = on",
        # a READ COMMITTED statement can miss the rows of a TimescaleDB chunk that is created while it is planned
        "alter role %1$I set default_transaction_isolation = 'repeatable read'",
        "grant pg_read_all_data to %1$I",
    ]
    try:
        for statement in statements:
            formatted = await connection.fetchval("select format($1, $2::text, $3::text)", statement, user, password)
            await connection.execute(formatted)
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"the read-only role {user} can't be created: {error}") from None
