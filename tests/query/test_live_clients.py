"""Clients of /ws: many, slow ones, invalid requests, and outages of a server."""

import asyncio
import socket

import pytest
from dirty_equals import IsList, IsPartialDict, IsStr
from websockets.asyncio.client import connect

from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.query.conftest import LiveSocket, QueryService, events_of, running_query, seqs_of, until_closed
from tests.support.events import event, log_events, some_events
from tests.support.servers import NatsServer
from tests.support.waiting import until

pytestmark = pytest.mark.writes_no_table


async def test_a_client_that_does_not_read_delays_no_other_and_is_closed_as_too_slow(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tailrace.query")
    monkeypatch.setattr("query.live.sending.STALL_TIMEOUT", 1.0)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.1)
    async with running_query(settings) as query, query.socket() as quick:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # else it stores megabytes
        sock.connect(("127.0.0.1", settings.query_port))
        slow = await connect(query.ws_url(), max_queue=1, sock=sock, compression=None)
        await until(lambda: _clients(query, 2))
        for seed in range(4):
            await log_events(log, (event(data=f'{{"filler":"{"x" * 30_000}"}}', user_id=seed) for _ in range(200)))
            await quick.events(200)
        assert seqs_of(events_of(quick.frames)) == list(range(1, 801))
        await until(lambda: _said(caplog, "read nothing"))
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


async def test_clients_are_counted_until_they_leave(query: QueryService) -> None:
    async with query.socket(), query.socket():
        assert await _clients(query, 2)
    await until(lambda: _clients(query, 0))


async def test_many_clients_receive_the_same(query: QueryService, log: LogClient) -> None:
    async def follow() -> list[int]:
        async with query.socket("earliest") as socket:
            return seqs_of(await socket.events(500))

    followers = [asyncio.create_task(follow()) for _ in range(40)]
    await log_events(log, some_events(500))
    assert [await follower for follower in followers] == [list(range(1, 501))] * 40


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
        ("?user_id=", "user_id: expected a 64-bit integer, or a string of 1 to 200 characters"),
        ("?user_id=" + "x" * 201, "user_id: expected a 64-bit integer, or a string of 1 to 200 characters"),
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


async def test_streams_continue_without_loss_after_the_logs_server_was_killed(
    own_nats_server: NatsServer, database: str, settings: Settings
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
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


async def test_stopping_the_service_closes_streams_with_3001_without_waiting(
    settings: Settings, log: LogClient
) -> None:
    async with running_query(settings) as query, query.socket() as socket, query.socket("earliest") as other:
        query.stop.set()
        assert await until_closed(socket.connection) == (IsList(length=...), 3001, IsStr(regex=".*shutting down.*"))
        assert (await until_closed(other.connection))[1] == 3001
        async with asyncio.timeout(10):
            await query.task


async def test_plain_http_on_ws_is_an_error_that_names_websockets(query: QueryService) -> None:
    answer = await query.http.get("/ws")
    assert (answer.status_code, answer.json()) == (426, IsPartialDict(status=426, detail="/ws is a WebSocket"))
    described = (await query.http.get("/openapi.json")).json()["paths"]["/ws"]["get"]
    assert all(word in described["description"] for word in ("hello", "caught_up", "gap", "progress", "3001", "3501"))
