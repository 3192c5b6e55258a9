"""A database that hangs, and connections that are only half open: the worker of projections recovers by itself."""

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from projection.declared import member, service, work
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.half_open import Proxy
from tests.support.projections import SHOP_NAMES, running_projections, shop_events, until_shown
from tests.support.projector import running_projector
from tests.support.servers import PostgresServer
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(service, "STATEMENT_TIMEOUT", 2.0)
    monkeypatch.setattr(service, "IDLE_TIMEOUT", 4.0)
    monkeypatch.setattr(member, "BATCH_TIMEOUT", 2.0)
    monkeypatch.setattr(member, "ROLLBACK_TIMEOUT", 1.0)
    monkeypatch.setattr(work, "CLIENT_TIMEOUT", 2.0)
    caplog.set_level("INFO")


async def test_projections_continue_after_a_database_that_hangs(
    log: LogClient, shop: Settings, own_postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    own = shop.model_copy(update={"database": own_postgres_server.embedded.dsn("own")})
    await ensure_database(own)
    connection = await asyncpg.connect(own.dsn)
    async with running_projector(own), running_projections(own) as task:
        await log_events(log, shop_events(50))
        await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
        with own_postgres_server.frozen():
            await log_events(log, shop_events(50, seed=2))
            await until(lambda: _said(caplog, "the projections wait: "))
        await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
    assert "has failed" not in caplog.text
    await connection.close()


async def test_projections_continue_after_connections_that_are_half_open(
    log: LogClient, shop: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await ensure_database(shop)
    connection = await asyncpg.connect(shop.dsn)
    async with Proxy.running(shop.dsn) as proxy:
        through = shop.model_copy(update={"database": proxy.dsn})
        async with running_projector(shop), running_projections(through) as task:
            await log_events(log, shop_events(50))
            await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
            proxy.freeze()
            await log_events(log, shop_events(50, seed=2))
            await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
    assert "has failed" not in caplog.text
    await connection.close()


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text
