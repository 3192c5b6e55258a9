"""/ws on a real log: every entry once and in order, in history and live."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from dirty_equals import IsStr

from contracts.cursors import Cursor
from query.live.bounds import parse_start
from query.parameters import cursor_text
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, events_of, running_query, seqs_of
from tests.support.events import event, log_event, log_events, some_events

pytestmark = pytest.mark.writes_no_table

CURSOR = IsStr(regex=r"[0-9a-f]{12}:[0-9]+:[0-9a-f]{16}")


async def test_from_earliest_every_entry_arrives_once_in_order_then_caught_up_then_live(
    query: QueryService, log: LogClient
) -> None:
    sent = await log_events(log, some_events(600))
    async with query.socket("earliest") as socket:
        await socket.until("caught_up")
        # the number of history frames varies: a fetch may return less than there is
        assert [frame["kind"] for frame in socket.frames] == [
            "hello",
            *["events"] * (len(socket.frames) - 2),
            "caught_up",
        ]
        history = len(socket.frames)
        assert seqs_of(events_of(socket.frames)) == list(range(1, 601))
        sent += await log_events(log, some_events(20, seed=2))
        while len(events_of(socket.frames)) < 620:
            await socket.next()
    got = events_of(socket.frames)
    assert seqs_of(got) == list(range(1, 621))
    assert [one["event_id"] for one in got] == [str(one.event_id) for one in sent]
    assert all(len(frame["events"]) <= 256 for frame in socket.frames if frame["kind"] == "events")
    assert {frame["kind"] for frame in socket.frames[history:]} == {"events"}


async def test_frames_have_the_documented_shape(query: QueryService, log: LogClient) -> None:
    one = event("Order Completed", user_id=-5, data='{"path":"/ä","deep":{"n":[1,2.50]}}')
    await log_event(log, one)
    async with query.socket("earliest") as socket:
        await socket.until("caught_up")
    epoch = (await log.state()).epoch
    entry = await log.get(1)
    assert entry is not None
    assert socket.frames == [
        {"kind": "hello", "epoch": epoch, "first": CURSOR, "last": CURSOR, "cursor": f"{epoch}:0:"},
        {
            "kind": "events",
            "cursor": CURSOR,
            "events": [
                {
                    "cursor": CURSOR,
                    "logged_at": msgspec.to_builtins(entry.logged_at),
                    "event_id": str(one.event_id),
                    "event_type": "Order Completed",
                    "user_id": -5,
                    "created_at": "2026-03-01T12:00:00Z",
                    "event_data": {"path": "/ä", "deep": {"n": [1, 2.50]}},
                }
            ],
        },
        {"kind": "caught_up", "cursor": socket.hello["last"]},
    ]


async def test_an_event_has_the_same_log_time_in_history_and_live(query: QueryService, log: LogClient) -> None:
    before = datetime.now(UTC)
    async with query.socket() as live:
        await live.until("caught_up")
        await log_events(log, some_events(30))
        watched = await live.events(30)
    async with query.socket("earliest") as late:
        assert await late.events(30) == watched
    entries = [await log.get(seq) for seq in range(1, 31)]
    told = [datetime.fromisoformat(one["logged_at"]) for one in watched]
    assert told == [entry.logged_at for entry in entries if entry]
    assert before - timedelta(seconds=1) < told[0] <= told[-1] < datetime.now(UTC) + timedelta(seconds=1)


async def test_latest_receives_only_later_events(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(30))
    async with query.socket() as socket:
        assert await socket.next() == {"kind": "caught_up", "cursor": socket.hello["last"]}
        late = await log_events(log, [event()])
        assert [one["event_id"] for one in await socket.events(1)] == [str(late[0].event_id)]


async def test_an_empty_log_sends_hello_without_positions_and_caught_up(query: QueryService, log: LogClient) -> None:
    epoch = (await log.state()).epoch
    async with query.socket() as socket:
        assert socket.hello == {"kind": "hello", "epoch": epoch, "first": None, "last": None, "cursor": f"{epoch}:0:"}
        assert await socket.next() == {"kind": "caught_up", "cursor": f"{epoch}:0:"}
        await log_event(log, event())
        assert seqs_of(await socket.events(1)) == [1]


async def test_a_client_that_reconnects_with_its_last_cursor_misses_and_repeats_nothing(
    query: QueryService, log: LogClient
) -> None:
    chance = random.Random(7)
    total = 3_000
    sending = asyncio.create_task(log_events(log, some_events(total)))
    cursor, got = "earliest", []
    for _ in range(30):
        async with query.socket(cursor) as socket:
            for _ in range(chance.randrange(1, 6)):
                frame = await socket.next()
                got += events_of([frame])
                if len(got) >= total:
                    break
            cursor = socket.cursor
    async with query.socket(cursor) as socket:
        while len(got) < total:
            got += events_of([await socket.next()])
    await sending
    assert seqs_of(got) == list(range(1, total + 1))


async def test_a_client_behind_the_ring_is_served_from_the_log(settings: Settings, log: LogClient) -> None:
    async with running_query(settings.model_copy(update={"live_ring": 10})) as query, query.socket() as socket:
        await socket.until("caught_up")
        await log_events(log, (event(data=f'{{"filler":"{"x" * 20_000}"}}') for _ in range(800)))  # 16 MB: sockets fill
        assert seqs_of(await socket.events(800)) == list(range(1, 801))
        assert {frame["kind"] for frame in socket.frames} == {"hello", "caught_up", "events"}


async def test_an_idle_stream_sends_progress(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.05)
    await log_event(log, event())
    async with query.socket() as socket:
        caught_up = await socket.until("caught_up")
        assert await socket.until("progress") == {"kind": "progress", "cursor": caught_up["cursor"]}


def test_a_cursor_without_a_fingerprint_round_trips() -> None:
    for cursor in (Cursor("e", 0), Cursor("e", 5), Cursor("e", 5, "0123456789abcdef")):
        assert parse_start(cursor_text(cursor)) == cursor
    assert cursor_text(Cursor("e", 5)) == "e:5:00000000"
