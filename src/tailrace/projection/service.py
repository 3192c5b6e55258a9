"""The projection service: one projector at a time per read model, the others stand by and take over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from zlib import crc32

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import ConfigurationError, LogUnavailableError
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
        await project(client, settings, stop)
    finally:
        await client.close()


async def project(
    client: LogClient,
    settings: Settings,
    stop: asyncio.Event,
    *,
    until: int | None = None,
    standby: bool = True,
    on_commit: Callable[[Cursor], None] | None = None,
) -> None:
    """Projects until ``stop`` is set or the log entry ``until`` is in the model, through outages of log and database.

    ``on_commit`` is told where the model is.

    Raises:
        ConfigurationError: another projector is active and this one may not stand by.
        TailraceError: a person has to decide; the message says what.
    """

    async def once() -> None:
        connection = await connect(settings.dsn, name="projection")
        try:
            store = await _active_store(connection, stop, standby=standby)
            if store is not None:
                guard = ParkedGuard(settings.parked_stop_ratio, settings.parked_stop_minimum)
                size = settings.batch_size
                projector = Projector(client, store, batch_size=size, guard=guard, until=until, on_commit=on_commit)
                await projector.run(stop)
        finally:
            await connection.close(timeout=2)

    await _through_outages(once, stop)


async def _through_outages(once: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    delay = FIRST_PAUSE
    said = ""
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await once()
            return
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


async def _active_store(connection: "asyncpg.Connection", stop: asyncio.Event, *, standby: bool) -> Store | None:
    """The live model, once its lock is ours; None when told to stop before.

    The lock lives and dies with the connection that projects: losing one is losing the other.
    """
    model = await live_model(connection)
    await connection.execute("select set_config('search_path', $1, false)", model)
    lock = crc32(f"tailrace projector {model}".encode())
    said = False
    while not stop.is_set():
        if await connection.fetchval("select pg_try_advisory_lock($1)", lock):
            return Store(connection)
        if not standby:
            raise ConfigurationError("a projector is active on that database: a replay needs a database of its own")
        if not said:
            logger.info("standing by: another projector is active on %s", model)
            said = True
        await pause(stop, STANDBY_POLL)
    return None
