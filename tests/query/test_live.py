"""What /ws promises, on the real log: every entry once, in order, or a gap that says why not."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from dirty_equals import IsList, IsPartialDict, IsStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from query.conftest import LiveSocket, QueryService, events_of, running_query, seqs_of
from support.events import event, log_event, log_events, log_raw, some_events
from support.servers import NatsServer
from support.waiting import until
from tailrace.contracts.cursors import Cursor
from tailrace.contracts.subjects import LOG_STREAM
from tailrace.query.live.places import parse_start, wire
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.connect import connect_log, reader_libraries
from tailrace.runtime.log.topology import ensure_streams
from tailrace.runtime.settings import Settings

pytestmark = pytest.mark.writes_no_table

CURSOR = IsStr(regex=r"[0-9a-f]{12}:[0-9]+:[0-9a-f]{16}")


async def until_closed(connection: ClientConnection) -> tuple[Any, Any, Any]:
    """The frames that still come, then the close code and the reason; the code is None if there was no close frame."""
    frames = []
    async with asyncio.timeout(10):
        try:
            while True:
                frames.append(json.loads(await connection.recv()))
        except ConnectionClosed as closed:
            return (frames, closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (frames, None, "")


async def test_from_earliest_every_entry_comes_once_in_order_then_caught_up_then_live(
    query: QueryService, log: LogClient
) -> None:
    sent = await log_events(log, some_events(600))
    async with query.socket("earliest") as socket:
        await socket.until("caught_up")
        # how many frames history takes is the reader's affair: one fetch may bring less than there is
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


async def test_an_event_tells_when_the_log_took_it_alike_in_history_and_live(
    query: QueryService, log: LogClient
) -> None:
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


async def test_latest_gets_only_what_comes_later(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(30))
    async with query.socket() as socket:
        assert await socket.next() == {"kind": "caught_up", "cursor": socket.hello["last"]}
        late = await log_events(log, [event()])
        assert [one["event_id"] for one in await socket.events(1)] == [str(late[0].event_id)]


async def test_an_empty_log_says_hello_without_positions_and_is_caught_up(query: QueryService, log: LogClient) -> None:
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


async def test_a_client_that_falls_off_the_ring_is_fed_from_the_log(settings: Settings, log: LogClient) -> None:
    async with running_query(settings.model_copy(update={"live_ring": 10})) as query, query.socket() as socket:
        await socket.until("caught_up")
        await log_events(log, (event(data=f'{{"filler":"{"x" * 20_000}"}}') for _ in range(800)))  # 16 MB: sockets fill
        assert seqs_of(await socket.events(800)) == list(range(1, 801))
        assert {frame["kind"] for frame in socket.frames} == {"hello", "caught_up", "events"}


async def test_a_client_that_takes_nothing_holds_up_nobody_and_is_told_that_it_is_too_slow(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tailrace.query")
    monkeypatch.setattr("tailrace.query.live.sending.STALLED", 1.0)
    monkeypatch.setattr("tailrace.query.live.sending.LOOK", 0.1)
    async with running_query(settings) as query, query.socket() as quick:
        slow = await connect(f"{query.url.replace('http', 'ws')}/ws", max_queue=1, proxy=None, compression=None)
        await until(lambda: _clients(query, 2))
        for seed in range(4):
            await log_events(log, (event(data=f'{{"filler":"{"x" * 30_000}"}}', user_id=seed) for _ in range(200)))
            await quick.events(200)
        assert seqs_of(events_of(quick.frames)) == list(range(1, 801))
        await until(lambda: _said(caplog, "took no frame"))
        frames, code, _ = await until_closed(slow)
        assert code == 3008
        assert len(events_of(frames)) < 800
        async with query.socket(LiveSocket(slow, frames).cursor) as again:
            rest = await again.events(800 - len(events_of(frames)))
        assert seqs_of(events_of(frames) + rest) == list(range(1, 801))


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def _clients(query: QueryService, count: int) -> bool:
    return bool((await query.status())["live_clients"] == count)


async def test_clients_are_counted_and_forgotten(query: QueryService) -> None:
    async with query.socket(), query.socket():
        assert await _clients(query, 2)
    await until(lambda: _clients(query, 0))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("?from=yesterday", "from: 'yesterday'"),
        ("?from=abc:5:", "from: 'abc:5:'"),
        ("?from=", "from: ''"),
        ("?form=earliest", "'form' is not a parameter"),
        ("?from=latest&from=earliest", "'from' is given more than once"),
        ("?from=-5y", "from: '-5y'"),
        ("?until=latest", "until: 'latest'"),
        ("?until=another:1:0123456789abcdef", "until: .* of another log"),
        ("?event_type=", "event_type: an event type has 1 to"),
        ("?event_type=a%0Ab", "event_type: an event type has only printable"),
        ("?user_id=five", "user_id: input should be a valid integer"),
        ("?user_id=9223372036854775808", "user_id: input should be less than"),
        ("?speed=0", "speed: input should be greater than or equal to 0.1"),
        ("?speed=nan", "speed: "),
        ("?speed=fast", "speed: expected 'max' or a number"),
        ("?clock=wall", "clock: input should be 'log' or 'event'"),
        ("?batch=0", "batch: input should be greater than or equal to 1"),
        ("?batch=257", "batch: input should be less than or equal to 256"),
        ("?speed=0&batch=0", "speed: .*; batch: "),
        ("?from=" + "ä" * 500, "from: 'ää"),
    ],
)
async def test_a_bad_request_is_closed_with_3501_and_the_reason(query: QueryService, asked: str, named: str) -> None:
    async with connect(f"{query.url.replace('http', 'ws')}/ws{asked}", proxy=None) as connection:
        assert await until_closed(connection) == ([], 3501, IsStr(regex=f".*{named}.*"))


async def test_a_cursor_of_another_log_gets_a_gap_and_then_this_log(query: QueryService, log: LogClient) -> None:
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
async def test_a_cursor_of_another_history_gets_a_gap_and_then_this_one(
    query: QueryService, log: LogClient, place: str, reason: str
) -> None:
    await log_events(log, some_events(3))
    epoch = (await log.state()).epoch
    async with query.socket(f"{epoch}:{place}") as socket:
        gap = await socket.next()
        assert gap == IsPartialDict(kind="gap", resumed_at=f"{epoch}:0:", reason=IsStr(regex=f".*{reason}.*"))
        assert seqs_of(await socket.events(3)) == [1, 2, 3]


@pytest.mark.parametrize("live", [True, False])
async def test_what_is_not_an_event_is_a_gap_and_the_others_arrive(
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


async def test_what_is_gone_from_the_log_is_a_gap_and_what_follows_arrives(query: QueryService, log: LogClient) -> None:
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


@pytest.mark.parametrize("library", reader_libraries())
async def test_streams_go_on_without_loss_after_the_logs_server_was_killed(
    own_nats_server: NatsServer, database: str, settings: Settings, library: str
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url, "log_library": library})
    writer = await connect_log(own, "test-writer")
    await ensure_streams(writer, own)
    async with running_query(own) as query, query.socket("earliest") as socket:
        await log_events(writer, some_events(5))
        await socket.events(5)
        await asyncio.to_thread(own_nats_server.kill)
        health = await query.http.get("/health")
        assert (health.status_code, health.json()["database"]) == (503, "ok")
        async with connect(f"{query.url.replace('http', 'ws')}/ws", proxy=None) as refused:
            assert (await until_closed(refused))[1] == 1013
        await asyncio.to_thread(own_nats_server.start)
        again = await connect_log(own, "test-writer-2")
        await log_events(again, some_events(5, seed=2))
        assert seqs_of(await socket.events(5)) == [6, 7, 8, 9, 10]
        assert all(frame["kind"] != "gap" for frame in socket.frames)
        await again.close()
    await writer.close()


async def test_an_idle_stream_says_that_it_is_alive(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailrace.query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("tailrace.query.live.sending.LOOK", 0.05)
    await log_event(log, event())
    async with query.socket() as socket:
        caught_up = await socket.until("caught_up")
        assert await socket.until("progress") == {"kind": "progress", "cursor": caught_up["cursor"]}


async def test_stopping_the_service_closes_streams_with_3001_and_takes_less_than_three_seconds(
    settings: Settings, log: LogClient
) -> None:
    async with running_query(settings) as query, query.socket() as socket, query.socket("earliest") as other:
        began = time.monotonic()
        query.stop.set()
        assert await until_closed(socket.connection) == (IsList(length=...), 3001, IsStr(regex=".*shutting down.*"))
        assert (await until_closed(other.connection))[1] == 3001
        await query.task
        assert time.monotonic() - began < 3


async def test_an_event_is_on_open_streams_well_within_a_second(query: QueryService, log: LogClient) -> None:
    async with query.socket() as socket:
        await socket.until("caught_up")
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            await log_event(log, event())
            await socket.events(1)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1


async def test_many_clients_get_the_same(query: QueryService, log: LogClient) -> None:
    async def follow() -> list[int]:
        async with query.socket("earliest") as socket:
            return seqs_of(await socket.events(500))

    followers = [asyncio.create_task(follow()) for _ in range(40)]
    await log_events(log, some_events(500))
    assert [await follower for follower in followers] == [list(range(1, 501))] * 40


def test_a_place_without_a_mark_goes_over_the_wire_and_back() -> None:
    for cursor in (Cursor("e", 0), Cursor("e", 5), Cursor("e", 5, "0123456789abcdef")):
        assert parse_start(wire(cursor)) == cursor
    assert wire(Cursor("e", 5)) == "e:5:00000000"


async def test_plain_http_is_told_that_ws_is_a_websocket(query: QueryService) -> None:
    answer = await query.http.get("/ws")
    assert (answer.status_code, answer.json()) == (426, IsPartialDict(status=426, detail="/ws is a WebSocket"))
    described = (await query.http.get("/openapi.json")).json()["paths"]["/ws"]["get"]
    assert all(word in described["description"] for word in ("hello", "caught_up", "gap", "progress", "3001", "3501"))
