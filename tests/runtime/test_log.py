"""The log's client and reader: every entry once, in order, from the same log."""

import asyncio
from typing import Any

import pytest

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from contracts.subjects import LOG_STREAM, subject_of
from migrations.streams import ensure_streams
from runtime.log.addresses import read_address
from runtime.log.client import LogClient, Reply
from runtime.log.connect import connect_log
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.runtime.conftest import append_and_lose, append_numbers, read_until, start
from tests.support.events import append
from tests.support.servers import NatsServer


async def test_entries_are_read_once_and_in_order(client: LogClient) -> None:
    await append_numbers(client, *range(1, 251))
    reader = LogReader(client, await start(client))
    entries = await read_until(reader, 250, limit=100)
    assert [entry.seq for entry in entries] == list(range(1, 251))
    assert [entry.payload for entry in entries] == [b"%d" % n for n in range(1, 251)]
    assert entries[0].message_id == "id-1"
    await reader.close()


async def test_a_reader_starts_after_its_position_and_waits_for_more(client: LogClient) -> None:
    await append_numbers(client, 1, 2, 3)
    second = await client.get(2)
    assert second is not None
    epoch = (await client.state()).epoch
    reader = LogReader(client, second.cursor(epoch))
    assert [entry.seq for entry in await read_until(reader, 3)] == [3]
    assert await reader.read(10, 0.05) == []
    waiting = asyncio.create_task(read_until(reader, 4))
    await append_numbers(client, 4)
    assert [entry.seq for entry in await waiting] == [4]
    assert reader.position == (await client.get(4)).cursor(epoch)  # type: ignore[union-attr]
    await reader.close()


async def test_a_duplicate_message_id_is_stored_once(client: LogClient) -> None:
    first = await append(client, subject_of("test"), b"a", "same")
    again = await append(client, subject_of("test"), b"b", "same")
    assert (first.duplicate, again.duplicate, first.seq) == (False, True, again.seq)
    assert (await client.state()).last_seq == 1


async def test_a_deleted_consumer_is_replaced(
    client: LogClient, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await append_numbers(client, 1)
    reader = LogReader(client, await start(client))
    await read_until(reader, 1)
    for name in (await log.api(f"CONSUMER.NAMES.{LOG_STREAM}"))["consumers"]:
        await log.api(f"CONSUMER.DELETE.{LOG_STREAM}.{name}")
    await append_numbers(client, 2)
    entries: list[LogEntry] = []
    async with asyncio.timeout(20):
        while not entries:
            try:
                entries = await reader.read(10, 0.2)
            except LogUnavailableError:
                continue
    assert [entry.seq for entry in entries] == [2]
    await reader.close()


async def test_a_position_of_another_log_is_refused(client: LogClient) -> None:
    await append_numbers(client, 1)
    reader = LogReader(client, Cursor("another", 0))
    with pytest.raises(ForeignHistoryError, match="another log"):
        await reader.read(10, 0.1)


async def test_a_position_beyond_the_end_is_refused(client: LogClient) -> None:
    await append_numbers(client, 1)
    epoch = (await client.state()).epoch
    reader = LogReader(client, Cursor(epoch, 5, "0123456789abcdef"))
    with pytest.raises(ForeignHistoryError, match="ends at sequence 1"):
        await reader.read(10, 0.1)


async def test_another_message_at_the_position_is_refused(client: LogClient) -> None:
    await append_numbers(client, 1, 2)
    epoch = (await client.state()).epoch
    reader = LogReader(client, Cursor(epoch, 1, "0123456789abcdef"))
    with pytest.raises(ForeignHistoryError, match="another message at sequence 1"):
        await reader.read(10, 0.1)


async def test_an_unrecorded_gap_is_named(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 7, Gap(3, 4))
    reader = LogReader(client, await start(client))
    assert [entry.seq for entry in await reader.read(10, 0.5)] == [1, 2]
    with pytest.raises(LostEntriesError, match="3 to 4 are gone") as caught:
        await read_until(reader, 7)
    assert (caught.value.first, caught.value.last) == (3, 4)


async def test_reading_resumes_after_the_server_was_killed(own_nats_server: NatsServer) -> None:
    settings = Settings(nats_url=own_nats_server.url)
    client = await connect_log(settings, "test-client")
    await ensure_streams(client, settings)
    await append_numbers(client, 1, 2, 3)
    reader = LogReader(client, await start(client))
    entries = await read_until(reader, 3)
    await asyncio.to_thread(own_nats_server.kill)
    await asyncio.to_thread(own_nats_server.start)
    writer = await connect_log(settings, "test-writer")
    await append_numbers(writer, 4, 5, 6)
    async with asyncio.timeout(30):
        while reader.position.seq < 6:
            try:
                entries += await reader.read(10, 0.2)
            except LogUnavailableError:
                await asyncio.sleep(0.05)
    assert [entry.payload for entry in entries] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    await writer.close()
    await client.close()


async def test_a_server_that_does_not_answer_is_skipped(log: LogClient, settings: Settings) -> None:
    several = f"nats://127.0.0.1:{free_port()}, {settings.nats_url}"
    client = await connect_log(settings.model_copy(update={"nats_url": several}), "test")
    assert (await client.state()).epoch == (await log.state()).epoch
    await client.close()


async def test_the_leader_decides_if_a_replica_lacks_an_entry(
    client: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append_numbers(client, 1)
    direct = await client.get(1)
    request = client.request

    async def lagging(subject: str, *arguments: Any, **options: Any) -> Reply:
        if subject.startswith("$JS.API.DIRECT.GET."):
            return Reply(b"", {}, 404)
        return await request(subject, *arguments, **options)

    monkeypatch.setattr(client, "request", lagging)
    assert direct is not None
    assert await client.get(1) == direct
    assert await client.get(2) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nats://127.0.0.1:4222", (["nats://127.0.0.1:4222"], "", "")),
        ("nats://a:b%40@one:1,\n nats://a:b%40@two:2", (["nats://one:1", "nats://two:2"], "a", "b@")),
        ("one:1,tls://a:b:c@two:2", (["one:1", "tls://two:2"], "a", "b:c")),
        ("nats://token@one:1", (["nats://token@one:1"], "", "")),
    ],
)
def test_an_address_names_servers_and_a_user(url: str, expected: tuple[list[str], str, str]) -> None:
    assert read_address(url) == expected
