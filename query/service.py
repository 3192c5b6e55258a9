"""The query service: opens its resources in order, and closes them in reverse."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from migrations.catalogue import list_models, live_of
from migrations.generations import upgrade_advice
from migrations.runner import require_current_schema
from migrations.upcasters import load_upcasters
from query.app import RULES, make_app
from query.database import Pools
from query.live.sending import LiveClients
from query.live.tail import Tail
from query.metrics import QueryMetrics
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.postgres import connect_pool
from runtime.serving import serve_http
from runtime.settings import Settings
from runtime.tracing import start_tracing
from runtime.user_key import UserIds

CONNECTIONS = 8
TOP_CONNECTIONS = 3
HEALTH_CONNECTIONS = 2
"""Connections to the database by kind of question; further requests wait for a free one."""
CLOSE_TIMEOUT = 0.5
"""Seconds a connection has to close cleanly."""

logger = logging.getLogger("tailrace.query")


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serves until SIGINT or SIGTERM (or ``stop``), also while the log or the database is away.

    Both must answer at the start.

    Raises:
        LogUnavailableError: the log does not answer at the start.
        DatabaseUnavailableError: the database does not answer at the start.
        SchemaError: this program does not support the schema of the database.
        ConfigurationError: an address is invalid, or the upcasters or the file of the key of user ids cannot be loaded.
        ConflictError: another process listens on the port.
    """
    upcasters = load_upcasters(settings)
    tracing = start_tracing("query")
    async with AsyncExitStack() as opened:
        log = await opened.enter_async_context(_log(settings))
        pools = await _open_pools(opened, settings)
        tail = Tail(log, settings.live_ring, upcasters)
        users = UserIds(settings)
        await users.refresh(log)
        clients = LiveClients(log, tail, users.identify)
        opened.callback(tracing.close)
        metrics = QueryMetrics(pools, tail, clients)
        app = make_app(
            pools,
            log,
            clients,
            users.identify,
            metrics.registry,
            stats_timeout=settings.stats_timeout,
            command_port=_command_port(settings),
        )
        tracing.trace_http(app)
        gc.freeze()  # a full collection would walk through every loaded module again and again
        await serve_http(
            app,
            settings=settings,
            port=settings.query_port,
            rules=RULES,
            log=log,
            background=[tail.run(), users.watch(log)],
            on_stop=clients.stop,
            stop=stop,
        )


def _command_port(settings: Settings) -> int:
    """Returns the port of the command service; its own setting may be 0."""
    port = urlsplit(settings.command_url).port if settings.command_url else None
    return port or settings.command_port


async def _open_pools(opened: AsyncExitStack, settings: Settings) -> Pools:
    # a pool logs a traceback for each attempt during an outage; /health and every answer report it better
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)

    async def pool(size: int, smallest: int = 0) -> "asyncpg.Pool":
        found = await connect_pool(settings.dsn, name="query", size=size, smallest=smallest)
        opened.push_async_callback(_close, found)
        return found

    questions = await pool(CONNECTIONS, smallest=1)
    async with questions.acquire() as connection:
        await require_current_schema(connection)
        models = await list_models(connection)
    logger.info("serving %s, %s flavour", live_of(models).name, live_of(models).flavour)
    if advice := upgrade_advice(models):
        logger.warning("%s", advice)
    return Pools(questions, await pool(TOP_CONNECTIONS), await pool(HEALTH_CONNECTIONS))


async def _close(pool: "asyncpg.Pool") -> None:
    try:
        await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
    except TimeoutError:
        pool.terminate()


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[LogClient]:
    log = await connect_log(settings, "query")
    try:
        yield log
    finally:
        await asyncio.wait([asyncio.create_task(log.close())], timeout=CLOSE_TIMEOUT)
