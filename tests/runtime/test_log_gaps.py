"""Entries that are lost: recorded by a person, jumped over by every reader, never silently; with each library."""

import asyncio

import pytest

from contracts.cursors import Cursor
from contracts.entries import Gap, gaps_between
from contracts.errors import ConfigurationError, ConflictError, ForeignHistoryError, LostEntriesError
from contracts.subjects import LOG_STREAM
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


async def test_a_recorded_gap_is_jumped_over_wherever_it_is(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 12, Gap(1, 2), Gap(5, 5), Gap(8, 9))
    for gap in (Gap(1, 2), Gap(5, 5), Gap(8, 9)):
        await accept_gap(client, gap)
    reader = LogReader(client, await start(client))
    entries = await read_until(reader, 12)
    assert [entry.seq for entry in entries] == [3, 4, 6, 7, 10, 11, 12]
    assert gaps_between(0, entries) == [Gap(1, 2), Gap(5, 5), Gap(8, 9)]
    await reader.close()


async def test_a_hole_that_is_not_recorded_stops_every_reader_with_what_to_do(
    client: LogClient, log: LogClient
) -> None:
    await append_and_lose(log, 7, Gap(3, 4))
    with pytest.raises(LostEntriesError) as caught:
        await read_until(LogReader(client, await start(client)), 7)
    assert str(caught.value).endswith(
        "restore the log's files from a backup, or record the loss with `tailrace log accept-gap 3..4`"
    )
    await accept_gap(client, Gap(caught.value.first, caught.value.last))
    assert [entry.seq for entry in await read_until(LogReader(client, await start(client)), 7)] == [1, 2, 5, 6, 7]


async def test_a_reader_that_was_there_before_the_gap_was_recorded_goes_on(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 4, Gap(3, 3))
    reader = LogReader(client, await start(client))
    assert [entry.seq for entry in await read_until(reader, 2)] == [1, 2]
    await accept_gap(log, Gap(3, 3))
    assert [entry.seq for entry in await read_until(reader, 4)] == [4]
    await reader.close()


async def test_of_a_hole_that_is_recorded_in_part_the_rest_is_named(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 8, Gap(3, 5))
    await accept_gap(client, Gap(3, 3))
    with pytest.raises(LostEntriesError) as caught:
        await read_until(LogReader(client, await start(client)), 8)
    assert (caught.value.first, caught.value.last) == (4, 5)


async def test_positions_before_and_within_a_recorded_gap_are_gone_on_from(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 8, Gap(4, 6))
    await accept_gap(client, Gap(4, 6))
    before = await client.get(3)
    assert before is not None
    epoch = (await client.state()).epoch
    for position in (before.cursor(epoch), *(Cursor(epoch, seq, "0123456789abcdef") for seq in (4, 5, 6))):
        await verify_position(client, position)
        entries = await read_until(LogReader(client, position), 8)
        assert [entry.seq for entry in entries] == [7, 8]


async def test_a_position_whose_entry_is_lost_names_the_whole_hole(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 40, Gap(11, 33))
    position = Cursor((await client.state()).epoch, 20, "0123456789abcdef")
    with pytest.raises(LostEntriesError) as caught:
        await verify_position(client, position)
    assert (caught.value.first, caught.value.last) == (11, 33)
    assert "accept-gap 11..33" in str(caught.value)


async def test_what_is_lost_at_the_end_is_noticed_though_nothing_follows(
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


async def test_only_what_is_gone_can_be_recorded(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 9, Gap(4, 5), Gap(9, 9))
    for gap, kind, sentence in (
        (Gap(3, 5), ConflictError, "entry 3 can be read"),
        (Gap(4, 6), ConflictError, "entry 6 can be read"),
        (Gap(4, 9), ConflictError, "entry 6 can be read"),
        (Gap(9, 10), ConflictError, "the log ends at sequence 9.*new-epoch"),
        (Gap(5, 4), ConfigurationError, r"5\.\.4 is no gap"),
        (Gap(0, 0), ConfigurationError, r"0\.\.0 is no gap"),
    ):
        with pytest.raises(kind, match=sentence):
            await accept_gap(client, gap)
    assert (await client.state()).gaps == ()


async def test_recording_again_changes_nothing_and_neighbours_become_one(client: LogClient, log: LogClient) -> None:
    await append_and_lose(log, 9, Gap(2, 2), Gap(4, 6))
    assert await accept_gap(client, Gap(4, 4)) == (Gap(4, 4),)
    assert await accept_gap(client, Gap(4, 4)) == (Gap(4, 4),)
    assert await accept_gap(client, Gap(2, 2)) == (Gap(2, 2), Gap(4, 4))
    assert await accept_gap(client, Gap(5, 6)) == (Gap(2, 2), Gap(4, 6))
    assert await accept_gap(client, Gap(5, 5)) == (Gap(2, 2), Gap(4, 6))
    assert (await client.stream_info(LOG_STREAM))["config"]["metadata"]["tailrace-gaps"] == "2-2,4-6"


async def test_gaps_and_epoch_survive_each_other_and_a_reconcile(log: LogClient, settings: Settings) -> None:
    await append_and_lose(log, 5, Gap(3, 3))
    config = (await log.stream_info(LOG_STREAM))["config"]
    metadata = {**config["metadata"], "owner": "somebody"}
    await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})
    await accept_gap(log, Gap(3, 3))
    before, after = await new_epoch(log)
    assert (await ensure_streams(log, settings.model_copy(update={"dedupe_window": 240}))).left == []
    found = (await log.stream_info(LOG_STREAM))["config"]
    assert found["duplicate_window"] == 240 * 10**9
    assert found["metadata"]["owner"] == "somebody"
    state = await log.state()
    assert (state.epoch, state.gaps) == (after, (Gap(3, 3),))
    assert before == metadata["tailrace-epoch"] != after


async def test_positions_of_the_epoch_before_are_refused_with_what_to_do(client: LogClient, log: LogClient) -> None:
    await append_numbers(log, 1, 2)
    entry = await client.get(2)
    assert entry is not None
    before, _ = await new_epoch(client)
    with pytest.raises(ForeignHistoryError, match=r"of another log; .*`tailrace replay`"):
        await verify_position(client, entry.cursor(before))


async def test_gaps_that_a_foreign_hand_spoiled_are_named(log: LogClient) -> None:
    config = (await log.stream_info(LOG_STREAM))["config"]
    for text in ("1-", "x", "1,2", "1-2-3"):
        metadata = {**config["metadata"], "tailrace-gaps": text}
        await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, "metadata": metadata})
        with pytest.raises(ConfigurationError, match="tailrace-gaps"):
            await log.state()


async def test_sequences_of_a_lost_end_that_are_given_out_again_are_read(own_nats_server: NatsServer) -> None:
    """The server remembers a lost end in its files; when these are lost too it gives the sequences out again."""
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
