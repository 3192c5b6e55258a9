"""Logs that lost entries (a bad sector, a lost file, a max_age): the loss is named, and skipped once it is accepted."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from dirty_equals import IsStr

from contracts.entries import Gap
from contracts.errors import LostEntriesError
from contracts.subjects import LOG_STREAM
from migrations.streams import ensure_streams
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.projection.conftest import connected
from tests.query.conftest import events_of, running_query, seqs_of
from tests.support.events import event, log_events, some_events
from tests.support.log_damage import allow_deletes, block_index, blocks, damage_block, delete_and_accept
from tests.support.processes import run_tailrace
from tests.support.projector import project, running_projector, until_projected
from tests.support.recount import read_model, recount_log
from tests.support.servers import NatsServer
from tests.support.waiting import until
from verification.run import verify

ENTRIES = 700
"""Entries of 30 kB: two full blocks of nearly 280 entries, and a third."""


@pytest.fixture
def own(settings: Settings, own_nats_server: NatsServer) -> Settings:
    return settings.model_copy(update={"nats_url": own_nats_server.url})


async def fill(settings: Settings) -> None:
    log = await connect_log(settings, "test-writer")
    await ensure_streams(log, settings)
    await log_events(log, (event(user_id=n, data=f'{{"filler":"{"x" * 30_000}"}}') for n in range(ENTRIES)))
    await log.close()


async def break_off(server: NatsServer, spoil: Callable[[Path], None], block: int, *, killed: bool) -> None:
    """Damages a block while the server is down. A killed server reads all blocks at its start, and drops more."""
    await asyncio.to_thread(server.kill if killed else server.stop)
    files = blocks(server)
    assert len(files) == 3
    spoil(files[block])
    await asyncio.to_thread(server.start)


async def hole(settings: Settings) -> Gap:
    """Returns the error at which a projector stops now."""
    async with running_projector(settings) as task:
        with pytest.raises(LostEntriesError) as caught:
            await asyncio.wait_for(task, 30)
    gap = Gap(caught.value.first, caught.value.last)
    assert str(caught.value).endswith(f"record the loss with `tailrace log accept-gap {gap}`")
    return gap


async def missing(log: LogClient) -> Gap:
    """Returns the one missing range, by reading each entry."""
    gone = [seq for seq in range(1, ENTRIES + 1) if await log.get(seq) is None]
    assert gone == list(range(gone[0], gone[-1] + 1))
    return Gap(gone[0], gone[-1])


def accept(settings: Settings, gap: Gap) -> None:
    done = run_tailrace(settings, "log", "accept-gap", str(gap))
    assert (done.returncode, done.stderr) == (0, "")


async def gaps_noted(connection: asyncpg.Connection) -> list[Gap]:
    return [Gap(*row) for row in await connection.fetch("select first_seq, last_seq from log_gaps order by 1")]


@pytest.mark.parametrize(
    ("spoil", "killed", "least", "most"),
    [(damage_block, False, 1, 1), (damage_block, True, 100, 200), (Path.unlink, True, 250, 300)],
    ids=["one entry", "half a block", "a whole block"],
)
async def test_a_loss_in_the_middle_is_named_accepted_and_shown(
    own_nats_server: NatsServer,
    own: Settings,
    spoil: Callable[[Path], None],
    killed: bool,
    least: int,
    most: int,
) -> None:
    await fill(own)
    await break_off(own_nats_server, spoil, 1, killed=killed)
    log = await connect_log(own, "test")
    gap = await hole(own)
    assert gap == await missing(log)
    lost = gap.last - gap.first + 1
    assert least <= lost <= most
    async with connected(own.dsn) as connection, running_query(own) as query:
        assert await connection.fetchval("select count(*) from analytics_events") == gap.first - 1
        async with query.socket("earliest") as socket:
            await socket.until("gap")
        accept(own, gap)
        async with running_projector(own) as task:
            await until_projected(connection, log, task)
            assert await gaps_noted(connection) == [gap]
            assert await read_model(connection) == await recount_log(log)
            receipt = await verify(log, connection)
            assert (receipt.differences, receipt.gaps) == ([], (gap,))
            assert receipt.entries == ENTRIES - lost
        async with query.socket("earliest") as socket:
            await socket.until("caught_up")
        assert [frame for frame in socket.frames if frame["kind"] == "gap"] == [
            {
                "kind": "gap",
                "asked": IsStr(regex=f".*:{gap.first - 1}:.*"),
                "resumed_at": IsStr(regex=f".*:{gap.last}:.*"),
                "reason": f"the log's entries {gap.first} to {gap.last} are gone, and recorded as lost",
            }
        ]
        assert seqs_of(events_of(socket.frames)) == [*range(1, gap.first), *range(gap.last + 1, ENTRIES + 1)]
    await log.close()


async def test_a_loss_that_grows_with_the_next_crash_is_named_again(own_nats_server: NatsServer, own: Settings) -> None:
    """A stopped server's index hides all but one bad entry; without it the rest of the block is dropped."""
    await fill(own)
    await break_off(own_nats_server, damage_block, 1, killed=False)
    first = await hole(own)
    assert first.first == first.last
    accept(own, first)
    await asyncio.to_thread(own_nats_server.stop)
    block_index(own_nats_server).unlink()
    await asyncio.to_thread(own_nats_server.start)
    more = await hole(own)
    log = await connect_log(own, "test")
    lost = await missing(log)
    assert more == Gap(lost.first + 1, lost.last)
    assert lost.first == first.first
    accept(own, more)
    async with connected(own.dsn) as connection, running_projector(own) as task:
        await until_projected(connection, log, task)
        assert await gaps_noted(connection) == [lost]
        assert (await verify(log, connection)).differences == []
    await log.close()


async def test_a_model_with_entries_that_the_log_lost_later_differs_with_the_reason(
    own_nats_server: NatsServer, own: Settings
) -> None:
    await fill(own)
    log = await connect_log(own, "test")
    async with connected(own.dsn) as connection:
        await project(own, log, connection)
        await break_off(own_nats_server, damage_block, 1, killed=True)
        lost = await missing(log)
        with pytest.raises(LostEntriesError, match=f"accept-gap {lost}"):
            await verify(log, connection)
        accept(own, lost)
        receipt = await verify(log, connection)
        known = f"log_gaps: log entries {lost.first} to {lost.last} are lost, but the model saw them before"
        assert any(one.startswith(known) for one in receipt.differences)
        assert receipt.gaps == (lost,)
        # it continues: its model is correct
        await log_events(log, some_events(5))
        await project(own, log, connection)
        assert await connection.fetchval("select count(*) from analytics_events") == ENTRIES + 5
    await log.close()


async def test_a_lost_end_is_named_though_nothing_follows_and_a_replay_ends_before_it(
    own_nats_server: NatsServer, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await fill(own)
    await break_off(own_nats_server, Path.unlink, 2, killed=False)
    gap = await hole(own)
    log = await connect_log(own, "test")
    assert gap == await missing(log)
    assert gap.last == ENTRIES
    accept(own, gap)
    async with connected(own.dsn) as connection:
        replayed = await asyncio.to_thread(run_tailrace, own, "replay")
        assert replayed.returncode == 0, replayed.stderr
        assert await connection.fetchval("select seq from model_2.projection_position") == gap.first - 1
        async with running_projector(own) as task:
            await until_projected(connection, log, task)
            assert await gaps_noted(connection) == []
            await log_events(log, some_events(5))
            await until_projected(connection, log, task)
            assert await gaps_noted(connection) == [gap]
            assert await read_model(connection) == await recount_log(log)
            receipt = await verify(log, connection)
            assert (receipt.differences, receipt.gaps, receipt.entries) == ([], (gap,), gap.first - 1 + 5)
    await log.close()


async def test_entries_that_expired_before_they_were_projected_are_named_and_can_be_accepted(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(10))
    await project(settings, log, connection)
    await log_events(log, some_events(20, seed=2))
    config = (await log.stream_info(LOG_STREAM))["config"]
    short = {"max_age": 200_000_000, "duplicate_window": 200_000_000}
    await log.api(f"STREAM.UPDATE.{LOG_STREAM}", {**config, **short})

    async def gone() -> bool:
        return (await log.state()).first_seq == 31

    await until(gone)
    # the start of a service removes max_age: the log is permanent
    await ensure_streams(log, settings)
    assert (await log.stream_info(LOG_STREAM))["config"].get("max_age", 0) == 0
    await log_events(log, some_events(5, seed=3))
    assert await hole(settings) == Gap(11, 30)
    accept(settings, Gap(11, 30))
    await project(settings, log, connection)
    assert await gaps_noted(connection) == [Gap(11, 30)]
    assert await connection.fetchval("select count(*) from analytics_events") == 15
    with pytest.raises(LostEntriesError, match=r"accept-gap 1\.\.10"):
        await verify(log, connection)
    status = run_tailrace(settings, "status")
    assert "entries 11 to 30 are recorded as lost" in status.stdout


async def test_a_model_that_skipped_entries_that_the_log_has_differs(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(10))
    await project(settings, log, connection)
    await connection.execute("insert into model_1.log_gaps (first_seq, last_seq) values (3, 4)")
    [difference] = (await verify(log, connection)).differences
    assert difference == "log_gaps: the model passed log entries 3 to 4 as lost, but the log has them"


async def test_a_model_that_ends_where_the_log_lost_its_end_is_verified_up_to_the_loss(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(10))
    await replay(log, settings, asyncio.Event())
    await delete_and_accept(log, Gap(8, 10))
    receipt = await verify(log, connection)
    assert (receipt.entries, receipt.gaps) == (7, (Gap(8, 10),))
    assert [one for one in receipt.differences if one.startswith("log_gaps")] == [
        "log_gaps: log entries 8 to 10 are lost, but the model saw them before: it holds more than a replay would"
    ]


async def test_a_replay_until_a_lost_entry_ends_before_it(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(10))
    entry = await log.get(5)
    assert entry is not None
    until_there = entry.cursor((await log.state()).epoch)
    await delete_and_accept(log, Gap(1, 2), Gap(4, 6))
    done = await replay(log, settings, asyncio.Event(), until=until_there)
    assert (done.finished, done.end, done.position.seq) == (True, 3, 3)
    assert await gaps_noted(connection) == [Gap(1, 2)]
    receipt = await verify(log, connection)
    assert (receipt.differences, receipt.gaps) == ([], (Gap(1, 2),))
