"""The projection service: one projector at a time per read model, the others stand by and take over."""

import asyncio
import logging
from zlib import crc32

import asyncpg

from tailrace.contracts.errors import LogUnavailableError
from tailrace.migrations.runner import live_model
from tailrace.projection.guard import ParkedGuard
from tailrace.projection.projector import Projector
from tailrace.projection.store import PositionMovedError, Store
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.log.topology import ensure_streams
from tailrace.runtime.postgres import UNAVAILABLE, DatabaseUnavailableError, connect
from tailrace.runtime.settings import Settings
from tailrace.runtime.waiting import pause, stop_event

STANDBY_POLL = 0.5
"""Seconds between a standby's looks at the lock: about how long a take-over takes."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

logger = logging.getLogger("tailrace.projection")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Projects until SIGINT or SIGTERM (or ``stop``), through outages of the log and the database.

    Raises:
        TailraceError: a person has to decide; the message says what.
    """
    stop = stop or stop_event()
    client = await connect_log(settings, "projection")
    try:
        for difference in await ensure_streams(client, settings):
            logger.warning("%s", difference)
        await _keep_projecting(client, settings, stop)
    finally:
        await client.close()


async def _keep_projecting(client: LogClient, settings: Settings, stop: asyncio.Event) -> None:
    delay = FIRST_PAUSE
    said = ""
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await _project_once(client, settings, stop)
        except PositionMovedError as error:
            logger.info("%s; reading it again", error)
        except (LogUnavailableError, DatabaseUnavailableError, asyncpg.PostgresError, *UNAVAILABLE) as error:
            # what an event's content causes was parked: all that is left comes from the surroundings and may pass
            if str(error) != said:
                logger.warning("waiting: %s", error or type(error).__name__)
            said = str(error)
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE:
            delay, said = FIRST_PAUSE, ""
        await pause(stop, delay)
        delay = min(delay * 2, LONGEST_PAUSE)


async def _project_once(client: LogClient, settings: Settings, stop: asyncio.Event) -> None:
    """Connects, waits to be the active one, projects. The lock lives and dies with the connection that projects."""
    connection = await connect(settings.dsn, name="projection")
    try:
        model = await live_model(connection)
        await connection.execute("select set_config('search_path', $1, false)", model)
        if not await _become_active(connection, model, stop):
            return
        guard = ParkedGuard(settings.parked_stop_ratio, settings.parked_stop_minimum)
        await Projector(client, Store(connection), batch_size=settings.batch_size, guard=guard).run(stop)
    finally:
        await connection.close(timeout=2)


async def _become_active(connection: "asyncpg.Connection", model: str, stop: asyncio.Event) -> bool:
    """Waits for the model's lock; False when told to stop before."""
    lock = crc32(f"tailrace projector {model}".encode())
    said = False
    while not stop.is_set():
        if await connection.fetchval("select pg_try_advisory_lock($1)", lock):
            return True
        if not said:
            logger.info("standing by: another projector is active on %s", model)
            said = True
        await pause(stop, STANDBY_POLL)
    return False
