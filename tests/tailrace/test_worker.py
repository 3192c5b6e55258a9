"""The projection service keeps a worker for the user's projections, which ends with it."""

import asyncio
from pathlib import Path

import asyncpg
import psutil

from migrations.projections import WORKER
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.processes import running_service
from tests.support.projections import SHOP_NAMES, declare, shop_events, until_shown

PROCESSES = "select count(*) from pg_stat_activity where datname = current_database() and application_name = $1"


async def workers(connection: asyncpg.Connection, wanted: int) -> None:
    """Waits until so many workers are connected."""
    async with asyncio.timeout(60):
        while await connection.fetchval(PROCESSES, f"tailrace-{WORKER}") != wanted:
            await asyncio.sleep(0.05)


async def test_the_service_starts_the_worker_restarts_it_and_takes_it_along(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    folder = declare(tmp_path / "projections")
    await log_events(log, shop_events(20))
    with running_service(settings, "serve", "projection", TAILRACE_PROJECTIONS=str(folder)) as service:
        await until_shown(connection, SHOP_NAMES, 20)
        [worker] = psutil.Process(service.pid).children()
        worker.kill()
        await workers(connection, 0)
        await log_events(log, shop_events(20, seed=2))
        await until_shown(connection, SHOP_NAMES, 40)
        service.kill()
        await workers(connection, 0)
