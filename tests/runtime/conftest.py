"""The log's client with and without its own parser, and reading numbers that were appended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.subjects import subject_of
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tests.support.events import append
from tests.support.log_damage import allow_deletes, delete_entries


@pytest.fixture(params=[True, False], ids=["own parser", "nats-py's parser"])
async def client(
    request: pytest.FixtureRequest, settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LogClient]:
    # what a test changes must not have been delivered before
    monkeypatch.setattr("runtime.log.consumer.SMALLEST_REQUEST", 1)
    if not request.param:
        monkeypatch.setattr("runtime.log.client.install_parser", lambda connection: None)
    client = await connect_log(settings, "test-client")
    yield client
    await client.close()


async def append_numbers(client: LogClient, *numbers: int) -> None:
    for number in numbers:
        await append(client, subject_of("test"), b"%d" % number, f"id-{number}")


async def start(client: LogClient) -> Cursor:
    return Cursor((await client.state()).epoch, 0)


async def read_until(reader: LogReader, seq: int, limit: int = 1000) -> list[LogEntry]:
    entries: list[LogEntry] = []
    async with asyncio.timeout(30):
        while reader.position.seq < seq:
            entries += await reader.read(limit, 0.2)
    return entries


async def append_and_lose(log: LogClient, count: int, *gaps: Gap) -> None:
    """Fills an empty log with ``count`` entries and takes some away."""
    await allow_deletes(log)
    await append_numbers(log, *range(1, count + 1))
    await delete_entries(log, *gaps)
