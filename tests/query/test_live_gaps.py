"""/ws over a log with recorded gaps: one gap frame for each, in history and live."""

import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.entries import Gap
from migrations.stream_metadata import new_epoch
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import Frame, QueryService, events_of, running_query, seqs_of
from tests.support.events import log_events, some_events
from tests.support.log_damage import allow_deletes, delete_and_accept

pytestmark = pytest.mark.writes_no_table


@pytest.fixture(autouse=True)
async def losable(log: LogClient) -> None:
    await allow_deletes(log)


def gap_frame(first: int, last: int) -> IsPartialDict:
    return IsPartialDict(
        kind="gap",
        asked=IsStr(regex=f"[0-9a-f]+:{first - 1}:.*"),
        resumed_at=IsStr(regex=f"[0-9a-f]+:{last}:.*"),
        reason=f"the log's entries {first} to {last} are gone, and recorded as lost",
    )


def gaps_of(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["kind"] == "gap"]


async def test_history_has_a_gap_frame_for_each_recorded_gap(settings: Settings, log: LogClient) -> None:
    await log_events(log, some_events(10))
    await delete_and_accept(log, Gap(1, 2), Gap(5, 5), Gap(8, 9))
    async with running_query(settings) as query, query.socket("earliest") as socket:
        await socket.until("caught_up")
        assert seqs_of(events_of(socket.frames)) == [3, 4, 6, 7, 10]
        assert gaps_of(socket.frames) == [gap_frame(1, 2), gap_frame(5, 5), gap_frame(8, 9)]
        assert [frame["kind"] for frame in socket.frames] == [
            *["hello", "gap", "events", "gap", "events", "gap", "events"],
            "caught_up",
        ]


@pytest.mark.parametrize("ring", [20_000, 2], ids=["from the ring", "fallen off the ring"])
async def test_a_live_client_receives_a_gap_frame_too(settings: Settings, log: LogClient, ring: int) -> None:
    await log_events(log, some_events(6))
    await delete_and_accept(log, Gap(5, 6))
    async with running_query(settings.model_copy(update={"live_ring": ring})) as query:
        async with query.socket() as one, query.socket() as other:
            assert (await one.until("caught_up"))["cursor"].split(":")[1] == "4"
            await other.until("caught_up")
            await log_events(log, some_events(40, seed=2))
            for socket in (one, other):
                assert seqs_of(await socket.events(40)) == list(range(7, 47))
                assert gaps_of(socket.frames) == [gap_frame(5, 6)]
        status = await query.status()
        assert status["last_seq"] == 46


async def test_a_client_that_reconnects_after_a_gap_receives_no_second_frame(
    settings: Settings, log: LogClient
) -> None:
    await log_events(log, some_events(6))
    await delete_and_accept(log, Gap(3, 4))
    # a service that was running may still have the lost entries in its ring
    async with running_query(settings) as query:
        async with query.socket("earliest") as socket:
            gap = await socket.until("gap")
        async with query.socket(gap["resumed_at"]) as again:
            await again.until("caught_up")
    assert seqs_of(events_of(again.frames)) == [5, 6]
    assert gaps_of(again.frames) == []


async def test_a_cursor_within_a_gap_receives_the_rest_of_it(settings: Settings, log: LogClient) -> None:
    await log_events(log, some_events(6))
    entry = await log.get(3)
    assert entry is not None
    seen = entry.cursor((await log.state()).epoch)
    await delete_and_accept(log, Gap(3, 4))
    async with running_query(settings) as query, query.socket(str(seen)) as socket:
        await socket.until("caught_up")
    assert gaps_of(socket.frames) == [gap_frame(4, 4)]
    assert seqs_of(events_of(socket.frames)) == [5, 6]


async def test_a_new_epoch_is_a_gap_followed_by_the_log_from_its_start(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await log_events(log, some_events(3))
    async with query.socket() as socket:
        await socket.until("caught_up")
        _, epoch = await new_epoch(log)
        gap = await socket.until("gap")
        assert gap == IsPartialDict(resumed_at=f"{epoch}:0:", reason=IsStr(regex=".* of another log"))
        assert seqs_of(await socket.events(3)) == [1, 2, 3]
