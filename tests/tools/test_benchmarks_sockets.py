"""The clients that measure: they count every event and its latency, and a lost connection is an error."""

import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from dirty_equals import IsPartialDict
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response

from contracts.errors import TailraceError
from tools.benchmarks.sockets import receive
from tools.benchmarks.workload import STAMP_DIGITS

CAUGHT_UP = '{"kind":"caught_up"}'

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def service(handler: Handler) -> AsyncIterator[str]:
    """A WebSocket service on a free port, and its address."""
    async with serve_websockets(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        [listening] = server.sockets
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"


def stamped(age: float) -> str:
    published = time.monotonic_ns() - int(age * 1e9)
    return f'{{"event_id":"x","event_data":{{"published":"{published:0{STAMP_DIGITS}d}"}}}}'


async def test_every_event_of_every_client_counts_with_its_latency() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send(CAUGHT_UP)
        await client.send('{"event_id":"of the warm-up","event_data":{}}')
        await client.send(f'{{"kind":"events","events":[{stamped(500)},{stamped(300)}]}}')
        await client.send(stamped(400))
        await client.wait_closed()

    async with service(handler) as url:
        received = await receive(url, 3, 4)
    assert received == IsPartialDict(events=12, frames=9, fewest=4)
    assert 400_000 <= received["p50 ms"] < 490_000
    assert 500_000 <= received["p99 ms"] == received["max ms"] < 590_000


@pytest.mark.parametrize("length", [10, 122, 130, 65_540, 1_000_000])
async def test_frames_of_any_length_count(length: int) -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send('{"event_id":"é' + "." * length + '"}')
        await (await client.ping(b"answered"))
        await client.send(CAUGHT_UP)
        await client.wait_closed()

    async with service(handler) as url:
        assert await receive(url, 1, 0) == IsPartialDict(events=1, frames=1)


async def test_clients_have_enough_when_they_have_caught_up() -> None:
    async def handler(client: ServerConnection) -> None:
        for _ in range(5):
            await client.send('{"kind":"events","events":[{"event_id":"1"},{"event_id":"2"}]}')
        await client.send(CAUGHT_UP)
        await client.wait_closed()

    async with service(handler) as url:
        received = await receive(url, 2, 0)
    assert received == IsPartialDict(events=20, frames=10, fewest=10)
    assert "p50 ms" not in received


async def test_a_connection_that_ends_early_is_an_error() -> None:
    async def handler(client: ServerConnection) -> None:
        await client.send(CAUGHT_UP)
        await client.send(stamped(0))
        await client.close(3008, "too slow")

    async with service(handler) as url:
        with pytest.raises(TailraceError, match="a client lost its connection"):
            await receive(url, 1, 2)


async def test_an_error_names_a_refused_client() -> None:
    async def refuse(client: ServerConnection, request: Request) -> Response:
        return client.respond(404, "there is no such thing")

    async def wait(client: ServerConnection) -> None:
        await client.wait_closed()

    async with serve_websockets(wait, "127.0.0.1", 0, process_request=refuse) as server:
        [listening] = server.sockets
        with pytest.raises(TailraceError, match="404"):
            await receive(f"ws://127.0.0.1:{listening.getsockname()[1]}/ws", 1, -1)


async def test_an_error_names_a_service_that_does_not_listen() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(TailraceError, match="a client can't connect"):
            await receive(f"ws://127.0.0.1:{bound.getsockname()[1]}/ws", 1, -1)
