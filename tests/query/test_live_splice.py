"""A client that is disconnected repeatedly has exactly the log's entries, in history and live."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from contracts.errors import LogUnavailableError
from contracts.events import Event
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.query.conftest import TIMEOUT, Frame, LiveSocket, QueryService, events_of, running_query, seqs_of
from tests.query.test_sse import EventSource, source
from tests.support.events import log_event, some_events
from tests.support.processes import start_service
from tests.support.servers import NatsServer
from tests.support.waiting import until

pytestmark = pytest.mark.writes_no_table

CUTS = 200
RING = 60
"""Entries of the ring; few, so that cursors are before, at and beyond its edge."""


class Kept(NamedTuple):
    """The state of a client between connections."""

    cursor: str
    seqs: list[int]

    def take(self, frame: Frame) -> "Kept":
        assert frame["kind"] in ("hello", "events", "caught_up", "progress"), frame
        if frame["kind"] == "hello":
            return self
        return Kept(frame["cursor"], self.seqs + seqs_of(events_of([frame])))


Connect = Callable[[QueryService, str, dict[str, Any]], Any]


@asynccontextmanager
async def over_ws(query: QueryService, cursor: str, asked: dict[str, Any]) -> AsyncIterator[Callable[[], Any]]:
    async with query.socket(cursor, **asked) as socket:
        try:
            yield socket.next
        finally:
            socket.connection.transport.abort()  # no close frame: the connection was cut


@asynccontextmanager
async def over_sse(query: QueryService, cursor: str, asked: dict[str, Any]) -> AsyncIterator[Callable[[], Any]]:
    async with source(query, "" if cursor == "earliest" else cursor, **{"from": "earliest", **asked}) as events:
        yield events.next


@pytest.mark.parametrize(
    ("over", "asked", "wanted"),
    [
        (over_ws, {}, lambda one: True),
        (over_ws, {"batch": 1}, lambda one: True),
        (over_ws, {"event_type": "click"}, lambda one: one.event_type == "click"),
        (over_ws, {"user_id": 7}, lambda one: one.user_id == 7),
        (over_sse, {}, lambda one: True),
    ],
    ids=["ws", "one by one", "one type", "one user", "sse"],
)
async def test_a_client_disconnected_200_times_has_exactly_the_logs_entries(
    settings: Settings, log: LogClient, over: Connect, asked: dict[str, Any], wanted: Callable[[Event], bool]
) -> None:
    chance = random.Random(200)
    sent: list[Event] = []
    more = some_events(1_000_000)

    async def write(count: int) -> None:
        for _ in range(count):
            sent.append(next(more))
            await log_event(log, sent[-1])

    kept = Kept("earliest", [])
    async with running_query(settings.model_copy(update={"live_ring": RING})) as query:
        for _ in range(CUTS):
            # how far the log grows while no client is connected: not at all, within the ring, or beyond it
            await write(chance.choice([0, 0, chance.randrange(RING), RING, RING + chance.randrange(RING)]))
            writing = asyncio.create_task(write(chance.randrange(20)))
            async with over(query, kept.cursor, asked) as next_frame:
                for _ in range(chance.randrange(1, 5)):
                    frame = await next_frame()
                    kept = kept.take(frame)
                    if frame["kind"] == "caught_up":
                        break
            await writing
        async with over(query, kept.cursor, asked) as next_frame:
            while (frame := await next_frame())["kind"] != "caught_up":
                kept = kept.take(frame)
    assert kept.seqs == [seq for seq, one in enumerate(sent, 1) if wanted(one)]
    assert len(sent) > 20 * RING


Frames = Callable[[str, str, dict[str, Any]], AsyncGenerator[Frame]]


async def ws_frames(url: str, cursor: str, asked: dict[str, Any]) -> AsyncGenerator[Frame]:
    address = f"{url.replace('http', 'ws')}/ws?{httpx.QueryParams({'from': cursor, **asked})}"
    async with connect(address, proxy=None, open_timeout=5) as connection:
        socket = LiveSocket(connection)
        while True:
            yield await socket.next()


async def sse_frames(url: str, cursor: str, asked: dict[str, Any]) -> AsyncGenerator[Frame]:
    async with (
        httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http,
        http.stream("GET", "/sse", params={"from": cursor, **asked}) as answer,
    ):
        events = EventSource(answer.raise_for_status())
        while (frame := await events.next()) is not None:
            yield frame


@pytest.mark.parametrize(
    ("frames", "asked", "ring"),
    [(ws_frames, {}, None), (sse_frames, {"event_type": "click"}, RING)],
    ids=["ws", "sse, one type, a small ring"],
)
async def test_killing_the_logs_server_and_the_query_service_loses_and_repeats_nothing(
    own_nats_server: NatsServer,
    settings: Settings,
    frames: Frames,
    asked: dict[str, Any],
    ring: int | None,
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    own = own.model_copy(update={"live_ring": ring or own.live_ring})
    chance = random.Random(9)
    setting_up = await connect_log(own, "test-setup")
    await ensure_streams(setting_up, own)
    await setting_up.close()
    sent: list[Event] = []
    done = asyncio.Event()

    async def write() -> None:
        """Sends each event until it is acknowledged."""
        writer = await connect_log(own, "test-writer")
        for one in some_events(1_000_000):
            if done.is_set():
                break
            sent.append(one)
            while True:
                try:
                    await log_event(writer, one)
                    break
                except LogUnavailableError:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.002)
        await writer.close()

    kept = Kept("earliest", [])

    def wanted() -> list[int]:
        return [seq for seq, one in enumerate(sent, 1) if asked.get("event_type", one.event_type) == one.event_type]

    async def follow() -> None:
        """A client that reconnects with its cursor."""
        nonlocal kept
        while not (done.is_set() and len(kept.seqs) == len(wanted())):
            try:
                async with aclosing(frames(f"http://127.0.0.1:{own.query_port}", kept.cursor, asked)) as coming:
                    async for frame in coming:
                        kept = kept.take(frame)
                        if done.is_set() and len(kept.seqs) == len(wanted()):
                            break
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, httpx.HTTPError):
                await asyncio.sleep(0.05)

    service = start_service(own, "serve", "query")
    try:
        tasks = [asyncio.create_task(write()), asyncio.create_task(follow())]
        for kill_log, kill_service in [(True, False), (False, True), (True, True), (False, True), (True, False)]:
            behind = len(kept.seqs) + 1 + chance.randrange(6 if asked else 30)

            async def got_there(behind: int = behind) -> bool:
                for task in tasks:
                    assert not task.done() or task.result() is None
                return len(kept.seqs) >= behind

            await until(got_there, timeout=120)  # a busy machine is slow to start a service
            if kill_service:
                service.kill()
                service.wait()
            if kill_log:
                await asyncio.to_thread(own_nats_server.kill)
                await asyncio.to_thread(own_nats_server.start)
            if kill_service:
                service = start_service(own, "serve", "query")
        done.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
    finally:
        service.kill()
        service.wait()
    assert kept.seqs == wanted()
