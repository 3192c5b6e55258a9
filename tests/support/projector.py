"""A projector in the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from projection.service import serve
from runtime.log.client import LogClient
from runtime.settings import Settings


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
    connection: "asyncpg.Connection", log: LogClient, task: "asyncio.Task[None] | None" = None
) -> None:
    """Waits until the model has seen the whole log; raises what the projector raises."""
    last = (await log.state()).last_seq
    async with asyncio.timeout(30):
        while await connection.fetchval("select seq from projection_position") < last:
            if task is not None and task.done():
                task.result()
            await asyncio.sleep(0.01)


async def project(settings: Settings, log: LogClient, connection: "asyncpg.Connection") -> None:
    """Runs a projector until the model has seen the whole log."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
