"""A stream sends a frame at least every few seconds, whatever it waits for."""

import asyncio
import json
import random
from datetime import timedelta
from typing import Any

import pytest

from contracts.cursors import Cursor
from migrations.streams import ensure_streams
from query.live import sending
from query.live.asyncapi import READING
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.query.conftest import QueryService, events_of, running_query, seqs_of
from tests.query.test_sse import source
from tests.support.events import BASE, event, log_event, log_events, some_events
from tests.support.servers import NatsServer

pytestmark = pytest.mark.writes_no_table


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.05)


async def test_the_documented_interval_is_kept(query: QueryService, log: LogClient) -> None:
    assert f"At least every {sending.HEARTBEAT:g} s a `progress` frame arrives" in READING
    async with query.socket() as socket, source(query) as events:
        await socket.until("caught_up")
        await events.until("caught_up")
        clock = asyncio.get_running_loop().time
        began = clock()
        frames = list(await asyncio.gather(socket.until("progress"), events.until("progress")))
        assert clock() - began < sending.HEARTBEAT + 2  # the machine may be busy
        assert frames == [{"kind": "progress", "cursor": socket.hello["cursor"]}] * 2


@pytest.mark.usefixtures("quick_beats")
async def test_a_stream_sends_progress_while_the_log_is_unavailable(
    own_nats_server: NatsServer, settings: Settings
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    writer = await connect_log(own, "test-writer")
    await ensure_streams(writer, own)
    await log_events(writer, some_events(5))
    await writer.close()
    async with running_query(own) as query, query.socket() as idle, query.socket("earliest", batch=1) as reading:
        await idle.until("caught_up")
        await reading.events(2)
        await asyncio.to_thread(own_nats_server.kill)
        for _ in range(20):
            assert await idle.until("progress") == {"kind": "progress", "cursor": idle.hello["last"]}
        await reading.until("progress")
        await asyncio.to_thread(own_nats_server.start)
        writer = await connect_log(own, "test-writer-2")
        await log_event(writer, event())
        await writer.close()
        assert seqs_of(await idle.events(1)) == [6]
        await reading.events(6 - len(events_of(reading.frames)))
        assert seqs_of(events_of(reading.frames)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("quick_beats")
async def test_a_stream_sends_progress_while_it_waits_for_the_time_of_an_event(
    query: QueryService, log: LogClient
) -> None:
    await log_events(log, (event(created_at=BASE + timedelta(hours=number)) for number in range(3)))
    async with query.socket("earliest", speed=1, clock="event") as socket:
        [first] = await socket.events(1)
        assert await socket.next() == {"kind": "progress", "cursor": first["cursor"]}


@pytest.mark.parametrize("asked", [{}, {"event_type": "click"}, {"user_id": 7, "batch": 1}], ids=str)
async def test_a_heartbeat_is_never_before_the_last_frame(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.0)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.0)
    chance = random.Random(3)
    sent = list(some_events(600))
    async with query.socket("earliest", **asked) as socket:

        async def write() -> None:
            for number, one in enumerate(sent):
                await log_event(log, one)
                if number % 100 == 50:
                    await socket.connection.send(json.dumps({"kind": chance.choice(["pause", "resume"])}))
            await socket.connection.send(json.dumps({"kind": "resume"}))

        writing = asyncio.create_task(write())
        while int(socket.cursor.split(":")[1]) < len(sent):
            await socket.next()
        await writing
    places = [Cursor.parse(frame["cursor"]).seq for frame in socket.frames]
    assert places == sorted(places)
    assert sum(frame["kind"] == "progress" for frame in socket.frames) > 20
    wanted = [
        seq
        for seq, one in enumerate(sent, 1)
        if asked.get("event_type", one.event_type) == one.event_type
        and asked.get("user_id", one.user_id) == one.user_id
    ]
    assert seqs_of(events_of(socket.frames)) == wanted
