"""Reading the entries of some subjects: the server skips the others, and nothing is lost or repeated."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.entries import Gap, LogEntry
from contracts.errors import LogUnavailableError, LostEntriesError
from contracts.subjects import LOG_STREAM, subject_of
from migrations.stream_metadata import accept_gap
from runtime.log.client import LogClient, Reply
from runtime.log.consumer import Consumer
from runtime.log.reader import LogReader
from tests.runtime.conftest import append_and_lose, append_numbers, start
from tests.support.events import append

SUBJECTS = [subject_of("test")]


async def read_to_end(reader: LogReader, seq: int) -> list[int]:
    """Returns the sequences read until the position is ``seq``, through outages."""
    entries: list[LogEntry] = []
    async with asyncio.timeout(30):
        while reader.position.seq < seq:
            try:
                entries += await reader.read(2, 0.2)
            except LogUnavailableError:
                continue
    return [entry.seq for entry in entries]


async def consumer_of(log: LogClient) -> str:
    [name] = (await log.api(f"CONSUMER.NAMES.{LOG_STREAM}"))["consumers"]
    return str(name)


async def test_entries_of_other_subjects_are_skipped_up_to_the_end(client: LogClient) -> None:
    for number in range(1, 7):
        await append(client, subject_of("test" if number % 3 == 0 else "other"), b"%d" % number, f"id-{number}")
    await append(client, subject_of("other"), b"7", "id-7")
    reader = LogReader(client, await start(client), SUBJECTS)
    assert await read_to_end(reader, 7) == [3, 6]
    assert reader.position == (await client.get(7)).cursor(reader.position.epoch)  # type: ignore[union-attr]
    await reader.close()


async def test_entries_that_come_after_the_end_are_read(client: LogClient) -> None:
    await append_numbers(client, 1)
    reader = LogReader(client, await start(client), SUBJECTS)
    assert await read_to_end(reader, 1) == [1]
    assert await reader.read(10, 0.05) == []
    assert await reader.read(10, 0.05) == []
    waiting = asyncio.create_task(read_to_end(reader, 3))
    await append_numbers(client, 2, 3)
    assert await waiting == [2, 3]
    await reader.close()


async def test_recorded_gaps_are_reported_and_others_are_errors(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 9, Gap(2, 3), Gap(6, 7))
    await accept_gap(log, Gap(2, 3))
    reader = LogReader(client, await start(client), SUBJECTS)
    with pytest.raises(LostEntriesError, match="6 to 7 are gone"):
        await read_to_end(reader, 9)
    assert reader.position.seq == 5
    await accept_gap(log, Gap(6, 7))
    await reader.close()
    reader = LogReader(client, await start(client), SUBJECTS)
    gaps = []
    while reader.position.seq < 9:
        await reader.read(2, 0.2)
        gaps += reader.gaps
    assert gaps == [Gap(2, 3), Gap(6, 7)]
    await reader.close()


async def test_a_lost_delivery_is_read_again(client: LogClient, log: LogClient) -> None:
    await append_numbers(client, *range(1, 8))
    reader = LogReader(client, await start(client), SUBJECTS)
    first = [entry.seq for entry in await reader.read(2, 0.2)]
    elsewhere = await log.open_consumer(LOG_STREAM, await consumer_of(log))
    with pytest.raises(LogUnavailableError, match="delivery 1 was lost, number 3 came"):
        await elsewhere.fetch(2, 1)
    assert first + await read_to_end(reader, 7) == [1, 2, 3, 4, 5, 6, 7]
    await reader.close()


async def test_a_consumer_that_starts_over_repeats_nothing(client: LogClient, log: LogClient) -> None:
    """As a consumer in memory does after its server was killed."""
    await append_numbers(client, *range(1, 8))
    reader = LogReader(client, await start(client), SUBJECTS)
    first = [entry.seq for entry in await reader.read(2, 0.2)]
    name = await consumer_of(log)
    config = (await log.api(f"CONSUMER.INFO.{LOG_STREAM}.{name}"))["config"]
    await log.api(f"CONSUMER.DELETE.{LOG_STREAM}.{name}")
    body = {"stream_name": LOG_STREAM, "config": config, "action": "create"}
    await log.api(f"CONSUMER.CREATE.{LOG_STREAM}.{name}", body)
    assert first + await read_to_end(reader, 7) == [1, 2, 3, 4, 5, 6, 7]
    await reader.close()


@pytest.mark.parametrize("lag", [1, 3])
async def test_entries_that_a_lagging_replica_does_not_count_are_read(
    client: LogClient, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    consume = client.consume

    async def lagging(seq: int, subjects: Collection[str] = ()) -> Consumer:
        consumer = await consume(seq, subjects)
        consumer._deliveries._pending = max(consumer.pending - lag, 0)
        return consumer

    monkeypatch.setattr(client, "consume", lagging)
    await append_numbers(client, 1, 2, 3)
    reader = LogReader(client, await start(client), SUBJECTS)
    assert await read_to_end(reader, 3) == [1, 2, 3]
    await reader.close()


async def test_the_leader_finds_a_time_that_a_lagging_replica_has_not_reached(
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
