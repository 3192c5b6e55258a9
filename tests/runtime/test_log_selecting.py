"""Reading entries of some types, the same with each library: what the server passes over is not seen, the rest is."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError
from contracts.subjects import LOG_STREAM, subject_of
from runtime.log.client import LogClient, Reply
from runtime.log.deliveries import Fetcher
from runtime.log.selecting import SelectingReader
from tests.runtime.conftest import append_numbers, start

SUBJECTS = [subject_of("test")]


async def read_all(reader: SelectingReader) -> list[int]:
    """The sequences up to the end, as a service reads on through outages."""
    entries: list[LogEntry] = []
    async with asyncio.timeout(30):
        while not reader.finished:
            try:
                entries += await reader.read(2, 0.2)
            except LogUnavailableError:
                continue
    return [entry.seq for entry in entries]


async def consumer_of(log: LogClient) -> str:
    [name] = (await log.api(f"CONSUMER.NAMES.{LOG_STREAM}"))["consumers"]
    return str(name)


async def test_what_is_lost_on_its_way_is_read_again(client: LogClient, log: LogClient) -> None:
    await append_numbers(client, *range(1, 8))
    reader = SelectingReader(client, await start(client), SUBJECTS)
    first = [entry.seq for entry in await reader.read(2, 0.2)]
    elsewhere = await log.fetcher(LOG_STREAM, await consumer_of(log))
    with pytest.raises(LogUnavailableError, match="delivery 1 was lost, number 3 came"):
        await elsewhere.fetch(2, 1)
    assert first + await read_all(reader) == [1, 2, 3, 4, 5, 6, 7]
    await reader.close()


async def test_a_consumer_that_begins_anew_repeats_nothing(client: LogClient, log: LogClient) -> None:
    """As one in memory does whose server was killed and is back."""
    await append_numbers(client, *range(1, 8))
    reader = SelectingReader(client, await start(client), SUBJECTS)
    first = [entry.seq for entry in await reader.read(2, 0.2)]
    name = await consumer_of(log)
    config = (await log.api(f"CONSUMER.INFO.{LOG_STREAM}.{name}"))["config"]
    await log.api(f"CONSUMER.DELETE.{LOG_STREAM}.{name}")
    body = {"stream_name": LOG_STREAM, "config": config, "action": "create"}
    await log.api(f"CONSUMER.CREATE.{LOG_STREAM}.{name}", body)
    assert first + await read_all(reader) == [1, 2, 3, 4, 5, 6, 7]
    await reader.close()


@pytest.mark.parametrize("lag", [1, 3])
async def test_what_a_replica_that_lags_does_not_count_is_read_all_the_same(
    client: LogClient, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    select_from = client.select_from

    async def lagging(seq: int, subjects: Collection[str]) -> tuple[Fetcher, int]:
        fetcher, pending = await select_from(seq, subjects)
        return fetcher, max(pending - lag, 0)

    monkeypatch.setattr(client, "select_from", lagging)
    await append_numbers(client, 1, 2, 3)
    reader = SelectingReader(client, await start(client), SUBJECTS)
    assert await read_all(reader) == [1, 2, 3]
    await reader.close()


async def test_a_moment_that_a_replica_that_lags_has_not_reached_is_the_leaders_to_find(
    client: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append_numbers(client, 1, 2)
    second = await client.get(2)
    request = client.request

    async def lagging(subject: str, *arguments: Any, **options: Any) -> Reply:
        if subject.startswith("$JS.API.DIRECT.GET."):
            return Reply(b"", {}, 404)
        return await request(subject, *arguments, **options)

    monkeypatch.setattr(client, "request", lagging)
    assert second is not None
    assert await client.first_since(second.logged_at) == second
    assert await client.first_since(datetime.now(UTC) + timedelta(hours=1)) is None
