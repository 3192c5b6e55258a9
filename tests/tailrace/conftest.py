"""A migrated database of each flavour, for what has to hold on both."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from migrations.runner import migrate
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.servers import database_from
from tests.support.timescale import fresh_database, timescale_servers


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
