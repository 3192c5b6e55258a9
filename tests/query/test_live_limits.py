"""Clients of /ws and /sse that send too much, read slowly, or do not read."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect

from query.live import sending
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query, until_closed
from tests.support.events import event, log_event, log_events
from tests.support.waiting import until

pytestmark = pytest.mark.writes_no_table

MASK = b"\0" * 4
CLOSE = b"\x88\x80" + MASK
PING = b"\x89\x80" + MASK
FRAGMENT = b"\x00\x80" + MASK
LARGE = f'{{"filler":"{"x" * 30_000}"}}'
UPGRADE = (
    "GET /ws?from=earliest HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SSE = "GET /sse?from=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("frames", [PING * 50_000, b"\x01\x80" + MASK + FRAGMENT * 50_000], ids=["pings", "fragments"])
async def test_a_flood_of_frames_is_closed_with_1008_and_delays_no_other(query: QueryService, frames: bytes) -> None:
    async with query.socket() as other, connect(query.ws_url(), proxy=None) as flooding:
        flooding.transport.write(frames)
        _, code, reason = await until_closed(flooding)
        assert (code, reason) == (1008, "more than 100 frames a second")
        assert (await other.say("pause"))["paused"] is True


class SlowReader:
    """A client with a small buffer that reads only when `read` is called."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.received = b""

    async def read(self, size: int) -> bool:
        """Reads up to ``size`` bytes; returns False at the end."""
        part = await asyncio.get_running_loop().sock_recv(self._connection, size)
        self.received += part
        return bool(part)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, data)


@asynccontextmanager
async def slow_reader(settings: Settings, request: str, buffer: int = 16 * 1024) -> AsyncIterator[SlowReader]:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", settings.query_port))
        reader = SlowReader(connection)
        await reader.send(request.encode())
        yield reader


@pytest.fixture
async def stalled_after_a_second(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(sending, "STALL_TIMEOUT", 1.0)
    monkeypatch.setattr(sending, "CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(sending, "STALLED_CLOSE_TIMEOUT", 0.5)
    caplog.set_level("INFO")


@pytest.mark.usefixtures("stalled_after_a_second")
@pytest.mark.parametrize("request_text", [UPGRADE, SSE], ids=["ws", "sse"])
async def test_a_client_that_reads_slowly_is_not_closed(
    settings: Settings, log: LogClient, caplog: pytest.LogCaptureFixture, request_text: str
) -> None:
    await log_events(log, (event(data=LARGE, user_id=number) for number in range(40)))
    async with running_query(settings), slow_reader(settings, request_text) as reader:
        # a frame has more than 256 KiB, so each takes longer than a stall
        while len(reader.received) < 700_000:
            assert await reader.read(3_000)
            await asyncio.sleep(0.02)
        assert "closed a live client" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.usefixtures("stalled_after_a_second")
@pytest.mark.parametrize("request_text", [UPGRADE, SSE], ids=["ws", "sse"])
async def test_a_client_that_does_not_read_ends_without_an_error_in_the_log(
    settings: Settings, log: LogClient, caplog: pytest.LogCaptureFixture, request_text: str
) -> None:
    await log_events(log, (event(data=LARGE, user_id=number) for number in range(100)))
    async with running_query(settings) as query, query.socket() as quick, slow_reader(settings, request_text):

        async def is_closed() -> bool:
            return "closed a live client" in caplog.text and (await query.status())["live_clients"] == 1

        await until(is_closed)
        await log_event(log, event())
        await quick.events(1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_pong_waits_behind_less_than_a_megabyte(settings: Settings, log: LogClient) -> None:
    await log_events(log, (event(data=LARGE, user_id=number) for number in range(300)))
    async with running_query(settings), slow_reader(settings, UPGRADE, 64 * 1024) as reader:
        while len(reader.received) < 2_000_000:  # the kernel's buffers grow with the rate
            assert await reader.read(64 * 1024)
        before = len(reader.received)
        await reader.send(b"\x89\x84" + MASK + b"ping")
        while b"\x8a\x04ping" not in reader.received:
            assert await reader.read(64 * 1024)
        assert len(reader.received) - before < 1_000_000


async def test_the_close_of_a_stalled_client_names_the_cursor_to_resume_from(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "STALL_TIMEOUT", 1.0)
    monkeypatch.setattr(sending, "CHECK_INTERVAL", 0.1)
    caplog.set_level("INFO")
    await log_events(log, (event(data=LARGE, user_id=number) for number in range(100)))
    async with running_query(settings), slow_reader(settings, UPGRADE) as reader:

        async def is_closed() -> bool:
            return "closed a live client" in caplog.text

        await until(is_closed)
        while b"reconnect with from=" not in reader.received:
            assert await reader.read(64 * 1024)
        await reader.send(CLOSE)
        while await reader.read(64 * 1024):
            pass
    frames = websocket_frames(reader.received.partition(b"\r\n\r\n")[2])
    cursors = [payload.partition(b'"cursor":"')[2].partition(b'"')[0] for _, payload in frames[1:-1]]
    assert frames[-1][0] == 8
    assert (
        frames[-1][1]
        == struct.pack("!H", 3008) + b"the client did not read for 1 s: reconnect with from=" + cursors[-1]
    )


def websocket_frames(data: bytes) -> list[tuple[int, bytes]]:
    """The opcodes and payloads of unmasked frames."""
    found = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = struct.unpack_from("!H", data, 2)[0], 4
        elif size == 127:
            size, start = struct.unpack_from("!Q", data, 2)[0], 10
        found.append((data[0] & 15, data[start : start + size]))
        data = data[start + size :]
    return found
