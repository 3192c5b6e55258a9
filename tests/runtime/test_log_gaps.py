"""Lost entries: recorded gaps are passed, others stop every reader."""

import asyncio

import pytest

from contracts.cursors import Cursor
from contracts.entries import Gap, gaps_between
from contracts.errors import ForeignHistoryError, LostEntriesError
from migrations.stream_metadata import accept_gap, new_epoch
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.log.positions import verify_position
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tests.runtime.conftest import append_and_lose, append_numbers, read_until, start
from tests.support.log_damage import block_index, blocks
from tests.support.servers import NatsServer


async def test_recorded_gaps_are_passed(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 12, Gap(1, 2), Gap(5, 5), Gap(8, 9))
    for gap in (Gap(1, 2), Gap(5, 5), Gap(8, 9)):
        await accept_gap(client, gap)
    reader = LogReader(client, await start(client))
    entries = await read_until(reader, 12)
    assert [entry.seq for entry in entries] == [3, 4, 6, 7, 10, 11, 12]
    assert gaps_between(0, entries) == [Gap(1, 2), Gap(5, 5), Gap(8, 9)]
    await reader.close()


async def test_an_unrecorded_gap_stops_a_reader_with_the_remedy(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 7, Gap(3, 4))
    with pytest.raises(LostEntriesError) as caught:
        await read_until(LogReader(client, await start(client)), 7)
    assert str(caught.value).endswith(
        "restore the log's files from a backup, or record the loss with `tailrace log accept-gap 3..4`"
    )
    await accept_gap(client, Gap(caught.value.first, caught.value.last))
    assert [entry.seq for entry in await read_until(LogReader(client, await start(client)), 7)] == [1, 2, 5, 6, 7]


async def test_a_reader_passes_a_gap_that_was_recorded_after_it_started(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 4, Gap(3, 3))
    reader = LogReader(client, await start(client))
    assert [entry.seq for entry in await read_until(reader, 2)] == [1, 2]
    await accept_gap(log, Gap(3, 3))
    assert [entry.seq for entry in await read_until(reader, 4)] == [4]
    await reader.close()


async def test_the_unrecorded_part_of_a_gap_is_named(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 8, Gap(3, 5))
    await accept_gap(client, Gap(3, 3))
    with pytest.raises(LostEntriesError) as caught:
        await read_until(LogReader(client, await start(client)), 8)
    assert (caught.value.first, caught.value.last) == (4, 5)


async def test_positions_before_and_in_a_recorded_gap_are_valid(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 8, Gap(4, 6))
    await accept_gap(client, Gap(4, 6))
    before = await client.get(3)
    assert before is not None
    epoch = (await client.state()).epoch
    for position in (before.cursor(epoch), *(Cursor(epoch, seq, "0123456789abcdef") for seq in (4, 5, 6))):
        await verify_position(client, position)
        entries = await read_until(LogReader(client, position), 8)
        assert [entry.seq for entry in entries] == [7, 8]


async def test_a_position_in_a_gap_names_the_whole_gap(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 40, Gap(11, 33))
    position = Cursor((await client.state()).epoch, 20, "0123456789abcdef")
    with pytest.raises(LostEntriesError) as caught:
        await verify_position(client, position)
    assert (caught.value.first, caught.value.last) == (11, 33)
    assert "accept-gap 11..33" in str(caught.value)


async def test_a_gap_at_the_logs_end_is_noticed(
    client: LogClient, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await append_and_lose(log, 7, Gap(6, 7))
    reader = LogReader(client, await start(client))
    assert [entry.seq for entry in await read_until(reader, 5)] == [1, 2, 3, 4, 5]
    with pytest.raises(LostEntriesError, match=r"accept-gap 6\.\.7"):
        await read_until(reader, 6)
    await accept_gap(client, Gap(6, 7))
    state = await client.state()
    assert (state.last_seq, state.issued_seq) == (5, 7)
    again = LogReader(client, reader.position)
    assert await again.read(10, 0.3) == []
    await append_numbers(log, 8)
    assert [entry.seq for entry in await read_until(again, 8)] == [8]
    assert (await client.state()).last_seq == 8
    await again.close()


async def test_positions_of_an_earlier_epoch_are_refused_with_the_remedy(client: LogClient, log: LogClient) -> None:
    await append_numbers(log, 1, 2)
    entry = await client.get(2)
    assert entry is not None
    before, _ = await new_epoch(client)
    with pytest.raises(ForeignHistoryError, match=r"of another log; .*`tailrace replay`"):
        await verify_position(client, entry.cursor(before))


async def test_sequences_that_the_server_assigns_again_are_read(own_nats_server: NatsServer) -> None:
    """The server's files record a lost end; without them it assigns the sequences again."""
    settings = Settings(nats_url=own_nats_server.url)
    client = await connect_log(settings, "test-client")
    await ensure_streams(client, settings)
    await append_numbers(client, *range(1, 6))
    await client.close()
    await asyncio.to_thread(own_nats_server.stop)
    blocks(own_nats_server)[-1].unlink()
    await asyncio.to_thread(own_nats_server.start)
    client = await connect_log(settings, "test-client")
    await accept_gap(client, Gap(1, 5))
    position = Cursor((await client.state()).epoch, 4, "0123456789abcdef")
    await verify_position(client, position)
    await client.close()
    await asyncio.to_thread(own_nats_server.kill)
    for file in (*blocks(own_nats_server), block_index(own_nats_server)):
        file.unlink()
    await asyncio.to_thread(own_nats_server.start)
    client = await connect_log(settings, "test-client")
    assert (await client.state()).issued_seq == 0
    with pytest.raises(ForeignHistoryError, match="ends at sequence 0"):
        await verify_position(client, position)
    await append_numbers(client, *range(6, 11))
    state = await client.state()
    assert (state.first_seq, state.last_seq) == (1, 5)
    with pytest.raises(ForeignHistoryError, match="another message at sequence 4"):
        await verify_position(client, position)
    entries = await read_until(LogReader(client, await start(client)), 5)
    assert [entry.payload for entry in entries] == [b"6", b"7", b"8", b"9", b"10"]
    await client.close()
