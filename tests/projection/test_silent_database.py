"""A database that hangs, and connections that are only half open: the projector recovers by itself, and logs it."""

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from projection import worker
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events, some_events
from tests.support.half_open import Proxy
from tests.support.projector import running_projector, until_projected
from tests.support.servers import PostgresServer
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(worker, "STATEMENT_TIMEOUT", 1.0)
    monkeypatch.setattr(worker, "IDLE_TIMEOUT", 3.0)
    caplog.set_level("INFO")


@pytest.fixture
async def own(settings: Settings, own_postgres_server: PostgresServer) -> Settings:
    own = settings.model_copy(update={"database": own_postgres_server.embedded.dsn("own")})
    await ensure_database(own)
    return own


async def test_the_projector_recovers_from_a_database_that_hangs(
    own: Settings, log: LogClient, own_postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await asyncpg.connect(own.dsn)
    async with running_projector(own) as task:
        await log_events(log, some_events(5))
        await until_projected(connection, log, task)
        with own_postgres_server.frozen():
            await log_events(log, some_events(5, seed=2))
            await until(lambda: _said(caplog, "model_1 waits: the database did not answer within 1 s"))
        await until_projected(connection, log, task)
        await until(lambda: _said(caplog, "model_1 is projected again"))
    await connection.close()


async def test_the_projector_recovers_from_half_open_connections(
    own: Settings, log: LogClient, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await asyncpg.connect(own.dsn)
    async with Proxy.running(own.dsn) as proxy:
        through = own.model_copy(update={"database": proxy.dsn})
        async with running_projector(through) as task:
            await log_events(log, some_events(5))
            await until_projected(connection, log, task)
            proxy.freeze()
            await log_events(log, some_events(5, seed=2))
            await until_projected(connection, log, task)
            await until(lambda: _said(caplog, "model_1 is projected again"))
    await connection.close()


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text
