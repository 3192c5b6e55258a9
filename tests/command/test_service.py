"""The whole service: its port, its shutdown, and JetStream parts that disappear."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from nats.aio.client import Client

from command import watch as watch_module
from command.event_types import EventTypes
from command.inbox import CONSUMER
from command.service import CommandService, serve
from contracts.errors import ConflictError, EventRejectedError, ForeignHistoryError, LogUnavailableError
from contracts.subjects import INBOX, INBOX_STREAM, LOG_STREAM, subject_of
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.errors import StreamMissingError
from runtime.settings import Settings
from tests.support.command import log_entries, until_logged
from tests.support.events import append
from tests.support.waiting import until

SEED: dict[str, Any] = {
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}


@asynccontextmanager
async def serving(settings: Settings) -> "AsyncIterator[tuple[asyncio.Task[None], httpx.AsyncClient]]":
    """The service on its port, and its task."""
    task = asyncio.create_task(serve(settings))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.command_port}", timeout=30, verify=False
    ) as http:

        async def answers() -> bool:
            if task.done():
                task.result()
            try:
                return (await http.get("/health")).status_code == 200
            except httpx.ConnectError:
                return False

        await until(answers)
        yield task, http
    if not task.done():
        task.cancel()
        await asyncio.wait([task])


async def test_the_service_accepts_events_on_its_port_and_stops_in_time(settings: Settings, log: LogClient) -> None:
    acknowledged: list[str] = []

    async def load(http: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await http.post("/events", json=[SEED] * 5)
            except httpx.HTTPError:
                return  # it has stopped
            acknowledged.extend(item["event_id"] for item in answer.json()["items"])

    async with serving(settings) as (task, http):
        senders = [asyncio.create_task(load(http)) for _ in range(4)]
        await until_logged(log, 200)
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await task
        assert time.monotonic() - began < 5
        await asyncio.gather(*senders)
    assert set(acknowledged) <= {entry.message_id for entry in await log_entries(log)}
    with socket.create_server(("127.0.0.1", settings.command_port)):
        pass  # the port is free again


async def test_the_service_stops_in_time_without_its_server(own_nats_server: Any, settings: Settings) -> None:
    lonely = settings.model_copy(update={"nats_url": own_nats_server.url})
    async with serving(lonely) as (task, http):
        await asyncio.to_thread(own_nats_server.kill)
        waiting = asyncio.create_task(http.post("/events", json=SEED))

        async def pending() -> bool:
            return bool((await http.get("/status")).json()["pending"])

        await until(pending)
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await task
        assert time.monotonic() - began < 5
        assert (await waiting).status_code == 503


async def test_a_port_in_use_is_a_conflict(settings: Settings, log: LogClient) -> None:
    with (
        socket.create_server(("127.0.0.1", settings.command_port)),
        pytest.raises(ConflictError, match="can't be listened on"),
    ):
        await serve(settings)


async def test_an_unread_body_is_not_read_as_the_next_request(settings: Settings, log: LogClient) -> None:
    async with serving(settings.model_copy(update={"max_body_bytes": 1_000})) as (_, http):
        answers = [(await http.post("/events", content=b" " * 100_000)).status_code for _ in range(3)]
        answers.append((await http.post("/events", json=SEED)).status_code)
    assert answers == [413, 413, 413, 202]


async def test_a_deleted_inbox_consumer_is_recreated_without_loss(
    settings: Settings, log: LogClient, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "INTERVAL", 0.05)
    async with serving(settings):
        await log.api(f"CONSUMER.DELETE.{INBOX_STREAM}.{CONSUMER}")
        await nats.jetstream().publish(INBOX, json.dumps(SEED).encode())
        await until_logged(log, 1)


async def test_a_deleted_stream_ends_the_service(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "INTERVAL", 0.05)
    async with serving(settings) as (task, _):
        await log.api(f"STREAM.DELETE.{INBOX_STREAM}")
        with pytest.raises(StreamMissingError, match="ANALYTICS_INBOX does not exist any more"):
            await asyncio.wait_for(task, 10)


async def test_a_replaced_log_ends_the_service(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "INTERVAL", 0.05)
    async with serving(settings) as (task, _):
        await log.api(f"STREAM.DELETE.{LOG_STREAM}")
        await ensure_streams(log, settings)
        with pytest.raises((ForeignHistoryError, StreamMissingError), match="ANALYTICS"):
            await asyncio.wait_for(task, 10)


async def test_event_types_of_other_services_count(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "INTERVAL", 0.05)
    service = CommandService(settings.model_copy(update={"max_event_types": 2}))
    async with service.running():
        watching = asyncio.create_task(service.watch())
        for name in ("one", "other"):
            await append(log, subject_of(name), b"x", "")

        async def known() -> bool:
            return len(service.event_types) == 2

        await until(known)
        watching.cancel()
        with pytest.raises(EventRejectedError, match="'another' is new"):
            service.event_types.subject("another")


async def test_new_event_types_do_not_prolong_loading(log: LogClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log lists types page by page in the order of their names: new ones in front shift the listed ones."""
    told, new = log.stream_info, ["a", "b"]
    for name in ("y", "z"):
        await append(log, subject_of(name), b"x", "")

    async def tell(stream: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        info = await told(stream, body)
        while new:
            await append(log, subject_of(new.pop()), b"x", "")
        return info

    monkeypatch.setattr(log, "stream_info", tell)
    event_types = EventTypes(10)
    async with asyncio.timeout(10):
        await event_types.load(log)
        assert not new
        await event_types.load(log)
    assert len(event_types) == 4


async def test_a_missing_server_at_the_start_ends_the_service(settings: Settings) -> None:
    with pytest.raises(LogUnavailableError, match="no NATS server answers"):
        await serve(settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"}))
