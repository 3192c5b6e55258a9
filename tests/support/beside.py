"""A model beside the live one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.projector import running_projector, until_projected


@asynccontextmanager
async def two_models(settings: Settings, log: LogClient, connection: "asyncpg.Connection") -> AsyncIterator[None]:
    """A live model, one beside it, and the service that projects both."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (await replay(log, settings, asyncio.Event(), beside=True)).finished
        yield


async def live(connection: "asyncpg.Connection") -> str:
    return str(await connection.fetchval("select name from tailrace.models where live"))
