"""The query service in the test's own process, and a client of its streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from query.service import serve
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.waiting import until

TIMEOUT = 30.0

Frame = dict[str, Any]


@dataclass
class QueryService:
    """A running query service."""

    url: str
    task: "asyncio.Task[None]"
    stop: asyncio.Event
    http: httpx.AsyncClient

    @asynccontextmanager
    async def socket(self, start: str | None = None, **parameters: Any) -> "AsyncIterator[LiveSocket]":
        """Connects to /ws from ``start`` and reads the hello frame."""
        async with connect(self.ws_url(start, **parameters), proxy=None, compression=None) as connection:
            socket = LiveSocket(connection)
            assert (await socket.next())["kind"] == "hello"
            yield socket

    def ws_url(self, start: str | None = None, **parameters: Any) -> str:
        """The address of a stream."""
        query = httpx.QueryParams(parameters if start is None else {"from": start, **parameters})
        return f"{self.url.replace('http', 'ws')}/ws?{query}"

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/status")).json()
        return found

    async def until_answers(self, path: str) -> None:
        """Asks until it is answered: on a busy machine a short timeout may expire."""

        async def answers() -> bool:
            return (await self.http.get(path)).status_code == 200

        await until(answers)


@dataclass
class LiveSocket:
    """A client of /ws that stores its frames."""

    connection: ClientConnection
    frames: list[Frame] = field(default_factory=list)

    async def next(self) -> Frame:
        """The next frame."""
        async with asyncio.timeout(TIMEOUT):
            frame: Frame = json.loads(await self.connection.recv())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str) -> Frame:
        """The next frame of a kind."""
        while True:
            frame = await self.next()
            if frame["kind"] == kind:
                return frame

    async def say(self, kind: str, **members: Any) -> Frame:
        """Sends a message and returns the state that answers it."""
        await self.connection.send(json.dumps({"kind": kind, **members}))
        return await self.until("state")

    async def events(self, count: int) -> list[Frame]:
        """Returns at least ``count`` next events, by whole frames."""
        found: list[Frame] = []
        while len(found) < count:
            found += events_of([await self.next()])
        return found

    @property
    def hello(self) -> Frame:
        return self.frames[0]

    @property
    def cursor(self) -> str:
        """Returns the position of a client that has these frames."""
        for frame in reversed(self.frames):
            if frame["kind"] == "gap":
                return str(frame["resumed_at"])
            if "cursor" in frame:
                return str(frame["cursor"])
        raise AssertionError("no frame has a position")


async def until_closed(connection: ClientConnection) -> tuple[Any, Any, Any]:
    """Returns the remaining frames, the close code and the reason; the code is None without a close frame."""
    frames = []
    async with asyncio.timeout(TIMEOUT):
        try:
            while True:
                frames.append(json.loads(await connection.recv()))
        except ConnectionClosed as closed:
            return (frames, closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (frames, None, "")


def events_of(frames: Iterable[Frame]) -> list[Frame]:
    """The events of some frames."""
    return [event for frame in frames if frame["kind"] == "events" for event in frame["events"]]


def seqs_of(events: Iterable[Frame]) -> list[int]:
    """The sequences of some events, from their cursors."""
    return [int(event["cursor"].split(":")[1]) for event in events]


@asynccontextmanager
async def running_query(settings: Settings) -> AsyncIterator[QueryService]:
    url = f"http://127.0.0.1:{settings.query_port}"
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False, verify=False) as http:

        async def answers() -> bool:
            if task.done():
                task.result()
            with suppress(httpx.TransportError):
                return (await http.get("/ping")).text == "pong"
            return False

        try:
            await until(answers)
            yield QueryService(url, task, stop, http)
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await asyncio.wait([task])


@pytest.fixture
async def query(settings: Settings, log: LogClient) -> AsyncIterator[QueryService]:
    """The service over the test's log and database."""
    async with running_query(settings) as service:
        yield service
