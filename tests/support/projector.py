"""Projectors for tests: in the test's own process, in a process of their own, and with a candidate model."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerProcess

import asyncpg

from contracts.upcasting import NO_UPCASTERS, Upcasters
from migrations.catalogue import Model, get_live_model, use_model
from projection import service, worker
from projection.cutover import Verify
from projection.replay import replay
from projection.service import serve
from projection.store import Store
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.processes import fork
from verification.run import verify

FAST_POLL = 0.05
"""Seconds; replaces every poll interval of a forked projector."""


@asynccontextmanager
async def running_projector(settings: Settings) -> AsyncIterator["asyncio.Task[None]"]:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await asyncio.wait([task])


async def until_projected(
    connection: "asyncpg.Connection",
    log: LogClient,
    task: "asyncio.Task[None] | None" = None,
    *,
    timeout: float = 30,
) -> None:
    """Waits until the model is at the log's end; raises what the projector raises."""
    last = (await log.state()).last_seq
    async with asyncio.timeout(timeout):
        while await connection.fetchval("select seq from projection_position") < last:
            if task is not None and task.done():
                task.result()
            await asyncio.sleep(0.01)


async def project(settings: Settings, log: LogClient, connection: "asyncpg.Connection") -> None:
    """Runs a projector until the model is at the log's end."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)


@asynccontextmanager
async def running_with_candidate(
    settings: Settings, log: LogClient, connection: "asyncpg.Connection"
) -> AsyncIterator[None]:
    """Runs the service that projects both the live model and a candidate."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
        yield


async def live_model_name(connection: "asyncpg.Connection") -> str:
    return str(await connection.fetchval("select name from tailrace.models where live"))


def fork_projector(settings: Settings) -> ForkServerProcess:
    """Starts the projection service in a process that the caller ends, fast enough to be killed often."""
    return fork(_serve_fast, settings)


def _serve_fast(settings: Settings) -> None:
    service.MODELS_INTERVAL = worker.STANDBY_INTERVAL = worker.FIRST_DELAY = worker.LONGEST_DELAY = FAST_POLL
    logging.disable(logging.WARNING)
    asyncio.run(service.serve(settings))


def verifier(log: LogClient, connection: "asyncpg.Connection", upcasters: Upcasters = NO_UPCASTERS) -> Verify:
    """Returns what ``cut_over`` verifies a model with."""

    async def check(model: Model) -> list[str]:
        return (await verify(log, connection, model=model, upcasters=upcasters)).differences

    return check


@asynccontextmanager
async def idle_projector(settings: Settings) -> AsyncIterator[None]:
    """A connection that counts as an active projector, and projects nothing."""
    connection = await asyncpg.connect(settings.dsn, server_settings={"application_name": "tailrace-projection"})
    await connection.execute("select pg_advisory_lock(1)")
    try:
        yield
    finally:
        await connection.close()


async def merge_user_sets(dsn: str) -> None:
    """Merges the users of recent batches into the live model's sets, which the projector does from time to time."""
    connection = await asyncpg.connect(dsn)
    try:
        model = await get_live_model(connection)
        await use_model(connection, model)
        await Store(connection, model).merge()
    finally:
        await connection.close()
