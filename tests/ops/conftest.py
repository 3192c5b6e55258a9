"""A migrated database of each flavour, for what has to hold on both."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from support.servers import database_from
from support.timescale import fresh_database, timescale_servers
from tailrace.migrations.runner import migrate
from tailrace.ops.embedded.postgres import EmbeddedPostgres
from tailrace.runtime.settings import Settings


@pytest.fixture(params=["postgres", *timescale_servers(native_only=False)])
async def of_each_flavour(
    request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template_database: str
) -> AsyncIterator[str]:
    """The address of a fresh, migrated database of either flavour."""
    if request.param == "postgres":
        async with database_from(postgres_server, template_database) as dsn:
            yield dsn
        return
    async with fresh_database(request.param) as dsn:
        connection = await asyncpg.connect(dsn)
        await migrate(connection, Settings())
        await connection.close()
        yield dsn
