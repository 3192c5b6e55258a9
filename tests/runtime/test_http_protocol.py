"""Answers over HTTP/1.1: pipelined requests, keep-alive, and one write for what is ready at once."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from runtime import connections, http_protocol
from runtime.access.guard import Rules
from runtime.health import answer_ready
from runtime.serving import serve_http
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.waiting import until

REQUEST = "GET /{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"


async def echo(request: Request) -> PlainTextResponse:
    if request.method == "POST":
        await request.body()
    return PlainTextResponse(request.url.path)


async def streamed(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000
            await asyncio.sleep(0)

    return StreamingResponse(parts())


@asynccontextmanager
async def serving(routes: Sequence[Route] = (), **settings: Any) -> AsyncIterator[int]:
    """Serves the app, with ``routes`` first; yields its port."""
    port, stop = free_port(), asyncio.Event()
    app = Starlette(routes=[*routes, Route("/stream", streamed), Route("/{name}", echo, methods=["GET", "POST"])])
    serve = serve_http(app, settings=Settings(**settings), port=port, rules=Rules("read"), log=None, stop=stop)
    running = asyncio.create_task(serve)

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listens)
    yield port
    stop.set()
    await running


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving() as port:
        yield port


async def exchanged(port: int, text: str) -> bytes:
    """What the server answers until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    answered = await reader.read()
    writer.close()
    return answered


async def test_pipelined_requests_are_answered_in_order_on_one_connection(port: int) -> None:
    last = REQUEST.format("last", "Connection: close\r\n")
    answered = await exchanged(port, "".join(REQUEST.format(f"n{number}", "") for number in range(20)) + last)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answered.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"/n%d" % number for number in range(20)] + [b"/last"]


async def test_the_end_of_a_connection_cuts_no_answer(port: int) -> None:
    answered = await exchanged(port, REQUEST.format("stream", "Connection: close\r\n"))
    assert answered.count(b"x") == 300_000
    assert answered.endswith(b"0\r\n\r\n")


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_what_is_written_in_one_turn_of_the_loop_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_JOINED", 10)
    transport = Transport()
    joining = http_protocol._JoiningTransport(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
    for data in (b"head", b"body"):
        joining.write(data)
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [b"headbody"]
    joining.write(b"a long part")
    assert transport.written == [b"headbody", b"a long part"]
    joining.write(b"end")
    joining.close()
    assert (transport.written[2:], transport.closed) == ([b"end"], True)
    joining.write(b"the client has left")
    await asyncio.sleep(0)
    assert transport.written[3:] == []


POST = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"


@pytest.mark.parametrize(
    ("sent", "bound"),
    [
        ("", "header_timeout"),
        ("GET /x HTTP/1.1\r\nHost: local", "header_timeout"),
        (REQUEST.format("x", "") + "GET /x HT", "header_timeout"),
        (f"{POST}\r\n", "body_timeout"),
        (f"{POST}\r\n12345", "body_timeout"),
        (REQUEST.format("x", "") + f"{POST}\r\n12345", "body_timeout"),
    ],
    ids=["nothing", "half a head", "half a second head", "no body", "half a body", "half a second body"],
)
async def test_an_unfinished_request_is_closed(sent: str, bound: str) -> None:
    async with serving([], **{bound: 0.1}) as port, asyncio.timeout(30):
        answered = await exchanged(port, sent)
    assert answered.count(b"HTTP/1.1 ") == 1 + sent.startswith(REQUEST.format("x", ""))
    assert b"HTTP/1.1 408 Request Timeout\r\n" in answered


async def test_an_endless_head_is_refused() -> None:
    async with serving(max_header_bytes=10_000) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /x HTTP/1.1\r\n")
        with suppress(ConnectionError):
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b"X-Filler: " + b"x" * 1_000)
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        answered = await reader.read(100)
                        break
        writer.close()
    assert answered.startswith(b"HTTP/1.1 431 ")


async def test_a_pipelined_request_is_not_timed_while_the_one_before_it_is_answered() -> None:
    slow = "".join(REQUEST.format("stream", "") for _ in range(2))
    async with serving(header_timeout=0.05, body_timeout=0.05) as port, asyncio.timeout(30):
        answered = await exchanged(port, f"{slow}{POST}Connection: close\r\n\r\n1234567890")
    assert answered.count(b"HTTP/1.1 200 OK") == 3


async def connected(port: int, count: int, address: str = "127.0.0.1") -> list[asyncio.StreamWriter]:
    """Connections that send nothing and are counted."""
    found = [await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)) for _ in range(count)]
    await asyncio.sleep(0)
    return [writer for _, writer in found]


async def test_beyond_the_limit_of_connections_only_health_is_answered() -> None:
    last = REQUEST.format("health", ""), REQUEST.format("x", "")
    async with serving(max_connections=3) as port, asyncio.timeout(30):
        silent = await connected(port, 3)
        for _ in range(2):
            assert (await exchanged(port, last[0])).endswith(b"/health")
            refused = await exchanged(port, last[1])
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in refused
        flood = await connected(port, 2 * connections.SPARE)
        assert (await exchanged(port, last[0])).endswith(b"/health")
        for writer in silent + flood:
            writer.close()

        async def has_room() -> bool:
            return b" 200 OK" in await exchanged(port, REQUEST.format("x", "Connection: close\r\n"))

        await until(has_room)


async def warnings_of(port: int) -> list[str]:
    answer = await exchanged(port, REQUEST.format("health", "Connection: close\r\n"))
    return list(json.loads(answer.partition(b"\r\n\r\n")[2]).get("warnings", []))


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        ({"max_connections": 2}, "all 2 are taken; raise TAILRACE_MAX_CONNECTIONS, or find out who opens them"),
        (
            {"max_connections_per_address": 2},
            "127.0.0.1 has 2; raise TAILRACE_MAX_CONNECTIONS_PER_ADDRESS, or find out who opens them",
        ),
    ],
)
async def test_health_names_a_limit_that_is_reached(
    limit: dict[str, int], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health(request: Request) -> Response:
        return await answer_ready({}, request.scope)

    async with serving([Route("/health", health)], **limit) as port, asyncio.timeout(30):
        await until(lambda: has_no_warnings(port))
        silent = await connected(port, 2)
        [warning] = await warnings_of(port)
        assert (
            re.sub(r"since [-\d]{10} [:\d]{8} UTC", "since then", warning)
            == f"connections are refused since then: {named}"
        )
        for writer in silent:
            writer.close()
        assert await warnings_of(port) == [warning]  # the trouble is not over yet
        monkeypatch.setattr(connections, "REFUSING", 0)
        await until(lambda: has_no_warnings(port))


async def has_no_warnings(port: int) -> bool:
    return await warnings_of(port) == []


@pytest.mark.parametrize("trusted", [None, "127.0.0.1"])
async def test_one_address_cannot_use_up_the_connections(trusted: str | None) -> None:
    request = REQUEST.format("x", "Connection: close\r\n")
    async with serving(max_connections_per_address=2, trusted_proxies=trusted) as port, asyncio.timeout(30):
        silent = await connected(port, 2)
        assert (b" 200 OK" in await exchanged(port, request)) == (trusted is not None)
        assert await connected(port, 1, "127.0.0.2")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        writer.write(request.encode())
        assert b" 200 OK" in await reader.read()
        for one in [*silent, writer]:
            one.close()


@pytest.mark.parametrize(("most", "expected"), [(100, "100"), (4_000, f"{300 - connections.OTHER_FILES}")])
def test_the_limit_of_connections_fits_the_open_files(most: int, expected: str) -> None:
    program = f"from runtime.connections import fit_open_files; print(fit_open_files({most}))"
    limited = f'ulimit -Sn 200; ulimit -Hn 300; exec {sys.executable} -c "{program}"'
    assert subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=True).stdout.strip() == expected


async def test_a_request_that_is_not_http_is_a_problem(port: int) -> None:
    head, _, body = (await exchanged(port, "HELLO\r\n\r\n")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "Invalid HTTP request received",
    }


def test_a_repeated_warning_is_logged_once_a_minute_with_the_number_of_the_others() -> None:
    now = 0.0
    repeated = http_protocol.RepeatedWarnings(60, lambda: now)

    def logged(message: str, level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("uvicorn.error", level, "", 0, message, None, None)
        return record.getMessage() if repeated.filter(record) else None

    assert [logged("bad") for _ in range(1_000)] == ["bad", *[None] * 999]
    assert logged("other") == "other"
    assert [logged("failed", logging.ERROR) for _ in range(2)] == ["failed", "failed"]
    now = 60.0
    assert logged("bad") == "bad (999 more like this since the last such line)"
    assert logged("bad") is None
