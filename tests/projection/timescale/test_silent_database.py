"""Connections to the database that are only half open: maintenance does not wait for them without end."""

import asyncio

import asyncpg
import pytest

from migrations.catalogue import get_live_model
from projection import maintenance
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.projection.timescale.conftest import ago, is_settled, stop_maintenance
from tests.support.events import event, log_events
from tests.support.half_open import Proxy
from tests.support.projector import running_projector, until_projected
from tests.support.waiting import until


async def test_late_events_are_refreshed_after_connections_were_half_open(
    settings: Settings, log: LogClient, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_maintenance(monkeypatch)
    monkeypatch.setattr(maintenance, "STATEMENT_TIMEOUT", 5.0)
    model = await get_live_model(connection)
    async with Proxy.running(settings.dsn) as proxy, running_projector(settings) as task:
        through = settings.model_copy(update={"database": proxy.dsn})
        maintaining = asyncio.create_task(maintenance.maintain(through, model))
        for minutes in (90, 80):
            await log_events(log, [event("old", minutes, ago(minutes=minutes))])
            await until_projected(connection, log, task)
            await until(lambda: is_settled(connection))
            proxy.freeze()
        maintaining.cancel()
        await asyncio.wait([maintaining])
