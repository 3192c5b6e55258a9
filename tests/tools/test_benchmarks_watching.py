"""The clients that measure: they see every event, tell how old it is, and don't take a lost connection for a result."""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from dirty_equals import IsPartialDict
from msgspec.structs import asdict
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from contracts.errors import TailraceError
from tools.benchmarks.watching.messages import STAMP_DIGITS, Watch
from tools.benchmarks.watching.sockets import Socket
from tools.benchmarks.watching.watchers import RESOLUTION, measure, serve

CAUGHT_UP = '{"kind":"caught_up"}'

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def service(handler: Handler) -> AsyncIterator[str]:
    """A WebSocket service on a free port, and its address."""
    async with serve_websockets(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        [listening] = server.sockets
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"


class Heard(Socket):
    """Keeps what it gets."""

    def __init__(self, url: str) -> None:
        super().__init__(parse_uri(url))
        self.frames: list[str] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_text(self, payload: bytes, arrived: int) -> None:
        self.frames.append(payload.decode())

    def on_end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)


class Written(asyncio.Transport):
    """Keeps what a client writes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        self.data += bytes(data)


@pytest.mark.parametrize("size", [1, 7, 1_000, 1_000_000])
async def test_frames_arrive_whole_and_in_order_however_they_are_cut(size: int) -> None:
    heard, written, server = Heard("ws://127.0.0.1/ws"), Written(), ServerProtocol()
    heard.connection_made(written)
    server.receive_data(written.data)
    [request] = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    sent = [f"{length}:" + "é" * (length // 2) for length in (0, 10, 120, 122, 124, 130, 65_520, 65_540, 70_000)]
    for text in sent:
        server.send_text(text.encode())
    stream = b"".join(server.data_to_send())
    for at in range(0, len(stream), size):
        heard.data_received(stream[at : at + size])
    assert heard.frames == sent


async def test_pings_are_answered() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send("before")
        await (await client.ping(b"are you there"))
        await client.send("after")

    async with service(handler) as url:
        heard, uri = Heard(url), parse_uri(url)
        await asyncio.get_running_loop().create_connection(lambda: heard, uri.host, uri.port)
        await heard.ended
    assert heard.frames == ["before", "after"]


def stamped(age: float) -> str:
    published = time.monotonic_ns() - int(age * 1e9)
    return f'{{"event_id":"x","event_data":{{"published":"{published:0{STAMP_DIGITS}d}"}}}}'


async def test_every_event_of_every_client_is_seen_and_how_old_it_was() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send(CAUGHT_UP)
        await client.recv()
        await client.send('{"event_id":"of the warm-up","event_data":{}}')
        await client.send(f'{{"kind":"events","events":[{stamped(500)},{stamped(300)}]}}')
        await client.send(stamped(400))
        await client.wait_closed()

    async with service(handler) as url:
        watched = await serve(Watch(url, 3, os.getpid(), say="now", timed=True, events=3))
    assert asdict(watched) == IsPartialDict(events=9, frames=6, fewest=3, lost=0)
    latency = watched.latency
    assert latency is not None
    assert 400 <= latency.p50 < 490
    assert 500 <= latency.p99 == latency.longest < 590


async def test_clients_that_ask_have_seen_enough_when_they_have_caught_up_again() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send(CAUGHT_UP)
        assert await client.recv() == "everything, please"
        for _ in range(5):
            await client.send('{"kind":"events","events":[{"event_id":"1"},{"event_id":"2"}]}')
        await client.send(CAUGHT_UP)
        await client.wait_closed()

    async with service(handler) as url:
        watched = await serve(Watch(url, 2, os.getpid(), say="everything, please"))
    assert asdict(watched) == IsPartialDict(events=20, frames=10, fewest=10, latency=None)


async def test_a_client_that_is_let_go_before_it_has_seen_enough_is_no_result() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send(CAUGHT_UP)
        await client.recv()
        await client.send(stamped(0))
        await client.close(3008, "too slow")

    async with service(handler) as url:
        with pytest.raises(TailraceError, match="a client lost its connection: closed with 3008 too slow"):
            await serve(Watch(url, 1, os.getpid(), say="now", timed=True, events=2))


async def test_a_refused_client_is_said_so() -> None:
    async def refuse(client: ServerConnection, request: Request) -> Response:
        return client.respond(404, "there is no such thing")

    async with serve_websockets(handle_nothing, "127.0.0.1", 0, process_request=refuse) as server:
        [listening] = server.sockets
        with pytest.raises(TailraceError, match="404"):
            await serve(Watch(f"ws://127.0.0.1:{listening.getsockname()[1]}/ws", 1, os.getpid()))


async def test_a_service_that_does_not_listen_is_said_so() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(TailraceError, match="a client can't connect"):
            await serve(Watch(f"ws://127.0.0.1:{bound.getsockname()[1]}/ws", 1, os.getpid()))


async def handle_nothing(client: ServerConnection) -> None:
    await client.wait_closed()


def test_percentiles_count_every_event() -> None:
    latency = measure(Counter({1: 97, 2: 2, 500: 1}))
    assert (latency.p50, latency.p99, latency.longest) == (
        RESOLUTION / 1e9,
        2 * RESOLUTION / 1e9,
        500 * RESOLUTION / 1e9,
    )
