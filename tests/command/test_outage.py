"""A full or missing log: only stored events are acknowledged, and pending ones are not lost."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr
from nats.aio.client import Client

from command.openapi import openapi_document
from contracts.errors import LogUnavailableError
from contracts.subjects import INBOX, INBOX_STREAM, SUBMIT
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.support.api_documents import check_response
from tests.support.command import (
    Command,
    log_entries,
    nats_client,
    running_command,
    set_log_limit,
    until_inbox_is_empty,
    until_logged,
)
from tests.support.servers import NatsServer
from tests.support.waiting import until

SEED: dict[str, Any] = {
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}


async def test_a_full_log_is_503_with_the_ids_to_retry(command: Command, log: LogClient) -> None:
    await command.http.post("/events", json=SEED)
    await set_log_limit(log, 1)
    answer = await command.http.post("/events", json=[SEED, 5, SEED])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == IsPartialDict(
        title="The log is full",
        code="log_full",
        stored=0,
        rejected=[IsPartialDict(index=1, code="invalid_event")],
        detail=IsStr(regex="the log refused the event.*0 of 3 events are stored.*is safe"),
    )
    ids = [item["event_id"] for item in answer.json()["items"]]
    ready = await command.http.get("/health/ready")
    assert (ready.status_code, ready.json()["log"]) == (503, IsStr(regex="the log refused the event: .*"))
    await set_log_limit(log, -1)
    again = await command.http.post("/events", json=[SEED | {"event_id": ids[0]}, SEED | {"event_id": ids[2]}])
    assert (again.status_code, [item["event_id"] for item in again.json()["items"]]) == (202, [ids[0], ids[2]])
    assert (await command.http.get("/health/ready")).status_code == 200
    assert (await log.state()).last_seq == 3


async def test_a_log_that_fills_up_within_a_body_reports_the_stored_events(command: Command, log: LogClient) -> None:
    await command.http.post("/events", json=SEED)
    size = (await log.state()).bytes
    await set_log_limit(log, size * 11)
    answer = await command.http.post("/events", json=[SEED] * 2_500)
    assert (answer.status_code, answer.json()["stored"]) == (503, 10)
    assert len(answer.json()["items"]) == 2_500
    assert (await log.state()).last_seq == 11


async def test_the_inbox_delivers_again_once_a_full_log_has_room(
    command: Command, nats: Client, log: LogClient
) -> None:
    await command.http.post("/events", json=SEED)
    await set_log_limit(log, 1)
    for _ in range(20):
        await nats.jetstream().publish(INBOX, json.dumps(SEED).encode())

    async def tried() -> bool:
        consumer = await log.api(f"CONSUMER.INFO.{INBOX_STREAM}.tailrace-inbox")
        return int(consumer["num_redelivered"]) >= 20

    await until(tried)
    assert (await log.stream_info(INBOX_STREAM))["state"]["messages"] == 20
    await set_log_limit(log, -1)
    await until_inbox_is_empty(log)
    assert (await log.state()).last_seq == 21


async def test_every_accepted_event_is_logged_after_the_server_is_killed_under_load(
    own_nats_server: NatsServer,
) -> None:
    settings = Settings(nats_url=own_nats_server.url, publish_timeout=2)
    acknowledged: list[str] = []
    refused = 0
    stop = asyncio.Event()

    async def load(http: httpx.AsyncClient) -> None:
        nonlocal refused
        while not stop.is_set():
            answer = await http.post("/events", json=[SEED] * 20)
            if answer.status_code == 202:
                acknowledged.extend(item["event_id"] for item in answer.json()["items"])
            else:
                assert answer.status_code == 503
                refused += 1

    async def enough(count: int) -> bool:
        return len(acknowledged) >= count

    async with running_command(settings) as command:
        senders = [asyncio.create_task(load(command.http)) for _ in range(8)]
        for _ in range(3):
            count = len(acknowledged) + 2_000
            await until(lambda count=count: enough(count))  # type: ignore[misc]
            await asyncio.to_thread(own_nats_server.kill)
            await asyncio.to_thread(own_nats_server.start)
        count = len(acknowledged) + 2_000
        await until(lambda: enough(count))
        stop.set()
        await asyncio.gather(*senders)
    assert refused > 0  # else nothing was in flight when the server died
    log = await connect_log(settings, "test")
    logged = {entry.message_id for entry in await log_entries(log)}
    await log.close()
    assert set(acknowledged) <= logged
    assert len(set(acknowledged)) == len(acknowledged)


async def test_without_a_server_events_are_refused_until_it_is_back(own_nats_server: NatsServer) -> None:
    settings = Settings(nats_url=own_nats_server.url, publish_timeout=0.5)
    async with running_command(settings) as command:
        await asyncio.to_thread(own_nats_server.kill)
        posted = await command.http.post("/events", json=SEED)
        assert (posted.status_code, posted.json()["code"]) == (503, "log_unavailable")
        health = await command.http.get("/health/ready")
        assert (health.status_code, health.headers["content-type"]) == (503, "application/problem+json")
        for path, method, answer in (("/events", "post", posted), ("/health/ready", "get", health)):
            check_response(openapi_document(), path, method, answer)
        await asyncio.to_thread(own_nats_server.start)

        async def healthy() -> bool:
            return (await command.http.get("/health")).status_code == 200

        await until(healthy)
        async with nats_client(settings) as nats:
            reply = json.loads((await nats.request(SUBMIT, json.dumps(SEED).encode(), timeout=10)).data)
            assert "cursor" in reply
            await nats.jetstream().publish(INBOX, json.dumps(SEED | {"event_id": str(uuid4())}).encode())
            log = await connect_log(settings, "test")
            await until_logged(log, 2)
            await log.close()


async def test_a_deleted_log_is_unavailable_not_full(command: Command, log: LogClient) -> None:
    await log.api("STREAM.DELETE.ANALYTICS")
    answer = await command.http.post("/events", json=SEED)
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert "does not exist" in answer.json()["detail"]


async def test_a_missing_server_at_the_start_is_reported_without_the_password() -> None:
    with pytest.raises(LogUnavailableError) as caught:
        async with running_command(Settings(nats_url="nats://someone:secret@127.0.0.1:1")):
            pass
    assert str(caught.value) == IsStr(regex="no NATS server answers at nats://127.0.0.1:1: .*Connect call failed.*")
