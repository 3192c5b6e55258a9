"""/ws with a cursor that is not valid: of another log, another history, or of lost or unreadable entries."""

import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.subjects import LOG_STREAM
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, events_of, seqs_of
from tests.support.events import event, log_event, log_events, log_raw, some_events

pytestmark = pytest.mark.writes_no_table


async def test_a_cursor_of_another_log_receives_a_gap_and_then_this_log(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(3))
    epoch = (await log.state()).epoch
    async with query.socket("another:2:0123456789abcdef") as socket:
        await socket.until("caught_up")
    assert socket.frames[1] == {
        "kind": "gap",
        "asked": "another:2:0123456789abcdef",
        "resumed_at": f"{epoch}:0:",
        "reason": IsStr(regex=".*of another log"),
    }
    assert seqs_of(events_of(socket.frames)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("place", "reason"), [("2:0123456789abcdef", "another message"), ("9:0123456789abcdef", "ends")]
)
async def test_a_cursor_of_another_history_receives_a_gap_and_then_this_one(
    query: QueryService, log: LogClient, place: str, reason: str
) -> None:
    await log_events(log, some_events(3))
    epoch = (await log.state()).epoch
    async with query.socket(f"{epoch}:{place}") as socket:
        gap = await socket.next()
        assert gap == IsPartialDict(kind="gap", resumed_at=f"{epoch}:0:", reason=IsStr(regex=f".*{reason}.*"))
        assert seqs_of(await socket.events(3)) == [1, 2, 3]


@pytest.mark.parametrize("live", [True, False])
async def test_an_entry_that_is_not_an_event_is_a_gap_and_the_others_arrive(
    query: QueryService, log: LogClient, live: bool
) -> None:
    async with query.socket("earliest") as early:
        await early.until("caught_up")
        await log_events(log, some_events(3))
        await log_raw(log, b'\xff\x00 "not text')
        await log_raw(log, b'{"event_id":"12"}')
        one = event()
        await log_raw(log, b' \n{ "user_id": 1, "event_data": {}, "event_type": "x", "created_at": '
                      b'"2026-03-01T13:00:00+01:00", "event_id": "%s" }\n' % str(one.event_id).encode())  # fmt: skip
        await log_events(log, some_events(2))
        async with query.socket("earliest") as late:
            socket = early if live else late
            while len(events_of(socket.frames)) < 6:
                await socket.next()
    assert seqs_of(events_of(socket.frames)) == [1, 2, 3, 6, 7, 8]
    gaps = [frame for frame in socket.frames if frame["kind"] == "gap"]
    assert gaps == [
        {"kind": "gap", "asked": IsStr(regex=".*:3:.*"), "resumed_at": IsStr(regex=".*:4:.*"), "reason": IsStr()},
        {"kind": "gap", "asked": gaps[0]["resumed_at"], "resumed_at": IsStr(regex=".*:5:.*"), "reason": IsStr()},
    ]
    assert events_of(socket.frames)[3] == IsPartialDict(event_id=str(one.event_id), created_at=IsStr(regex=".*01:00"))


async def test_lost_entries_are_a_gap_and_the_following_arrive(query: QueryService, log: LogClient) -> None:
    config = (await log.stream_info(LOG_STREAM))["config"]
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    await log.api(f"STREAM.CREATE.{LOG_STREAM}", {**config, "deny_delete": False})
    await log_events(log, some_events(8))
    for seq in (1, 4, 5):
        await log.api(f"STREAM.MSG.DELETE.{LOG_STREAM}", {"seq": seq})
    async with query.socket("earliest") as socket:
        assert seqs_of(await socket.events(5)) == [2, 3, 6, 7, 8]
    gaps = [frame for frame in socket.frames if frame["kind"] == "gap"]
    assert gaps == [
        IsPartialDict(asked=IsStr(regex=".*:0:"), resumed_at=IsStr(regex=".*:1:.*"), reason=IsStr(regex=".*gone.*")),
        IsPartialDict(asked=IsStr(regex=".*:3:.*"), resumed_at=IsStr(regex=".*:5:.*"), reason=IsStr(regex=".*gone.*")),
    ]
    async with query.socket(gaps[1]["resumed_at"]) as socket:
        assert seqs_of(await socket.events(3)) == [6, 7, 8]
        assert all(frame["kind"] != "gap" for frame in socket.frames)


async def test_a_log_replaced_under_an_open_stream_is_a_gap_and_then_the_new_log(
    query: QueryService, log: LogClient, settings: Settings
) -> None:
    await log_events(log, some_events(5))
    async with query.socket("earliest") as reading, query.socket() as live:
        await reading.until("caught_up")
        await live.until("caught_up")
        await log.api(f"STREAM.DELETE.{LOG_STREAM}")
        await ensure_streams(log, settings)
        await log_events(log, some_events(2))
        epoch = (await log.state()).epoch
        for socket in (reading, live):
            assert await socket.until("gap") == IsPartialDict(resumed_at=f"{epoch}:0:")
            assert seqs_of(await socket.events(2)) == [1, 2]
        await log_event(log, event())
        for socket in (reading, live):
            assert seqs_of(await socket.events(1)) == [3]
