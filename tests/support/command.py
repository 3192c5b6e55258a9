"""The command service in the test's process, and the log that it appends to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import nats
import uvicorn
from nats.aio.client import Client

from command.service import CommandService
from contracts.entries import LogEntry
from contracts.events import Event, read_stored
from contracts.subjects import INBOX_STREAM, LOG_STREAM
from runtime.log.client import LogClient
from runtime.settings import Settings
from runtime.tracing import start_tracing
from tailrace.endpoints import service_url
from tests.support.waiting import until


class Command(NamedTuple):
    """A running command service and an HTTP client of its app."""

    service: CommandService
    http: httpx.AsyncClient


@asynccontextmanager
async def running_command(settings: Settings) -> AsyncIterator[Command]:
    service = CommandService(settings, start_tracing("command"))
    async with service.running():
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://command", timeout=30, verify=False) as http:
            yield Command(service, http)


@asynccontextmanager
async def serving_command(settings: Settings) -> AsyncIterator[str]:
    """The command service on its port, in this process; yields its address."""
    service = CommandService(settings)
    async with service.running():
        server = uvicorn.Server(uvicorn.Config(service.app, port=settings.command_port, log_config=None))
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
        yield service_url(settings, "command")
        server.should_exit = True
        await serving


@asynccontextmanager
async def nats_client(settings: Settings) -> AsyncIterator[Client]:
    """A plain NATS client, as producers have."""
    connection = await nats.connect(settings.nats_url)
    yield connection
    await connection.close()


async def until_logged(log: LogClient, count: int) -> None:
    async def there() -> bool:
        return (await log.state()).last_seq >= count

    await until(there)


async def until_inbox_is_empty(log: LogClient) -> None:
    async def empty() -> bool:
        return int((await log.stream_info(INBOX_STREAM))["state"]["messages"]) == 0

    await until(empty)


async def log_entries(log: LogClient) -> list[LogEntry]:
    """Returns all entries of the log."""
    found = [await log.get(seq) for seq in range(1, (await log.state()).last_seq + 1)]
    return [entry for entry in found if entry is not None]


async def logged_events(log: LogClient) -> list[Event]:
    """Returns every event of the log, in the version it was sent in."""
    return [read_stored(entry.payload, logged_at=entry.logged_at) for entry in await log_entries(log)]


async def set_log_limit(log: LogClient, max_bytes: int) -> None:
    """Makes the log full, or not full any more."""
    config: dict[str, Any] = (await log.stream_info(LOG_STREAM))["config"]
    await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "max_bytes": max_bytes})
