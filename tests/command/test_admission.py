"""Overload: whether a request is admitted does not wait for the log, for its own body, or for other requests."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from command.event_types import EventTypes
from command.ingest import FEW, Ingest
from command.metrics import CommandMetrics
from contracts.entries import Appended
from contracts.upcasting import NO_UPCASTERS
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.command import serving_command
from tests.support.servers import NatsServer
from tests.support.waiting import until

LIMIT = 20


def batch(events: int) -> bytes:
    event = {"event_type": "x", "user_id": 1, "event_data": {}}
    return json.dumps([event | {"event_id": str(uuid4())} for _ in range(events)]).encode()


@asynccontextmanager
async def overloaded(server: NatsServer) -> AsyncIterator[tuple[str, "asyncio.Task[httpx.Response]"]]:
    """A command service at its limit, whose log answers nothing; the address, and the request that waits."""
    settings = Settings(nats_url=server.url, max_pending_events=LIMIT, command_port=free_port(), publish_timeout=60)
    async with serving_command(settings) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        try:
            waiting = asyncio.create_task(http.post("/events", content=batch(LIMIT)))

            async def full() -> bool:
                return bool((await http.get("/status")).json()["pending"] == LIMIT)

            await until(full)
            yield url, waiting
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert (await waiting).json()["accepted"] == LIMIT


async def test_a_request_beyond_the_limit_is_refused_before_its_body_and_before_the_log_answers(
    own_nats_server: NatsServer,
) -> None:
    async with overloaded(own_nats_server) as (url, waiting):
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        body = batch(1)
        head = f"POST /events HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for _ in range(2):  # the connection remains usable
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert b"retry-after: 1\r\n" in answer.lower()
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert b"Too many events at once" in await reader.readexactly(length)
            writer.write(body)
        assert not waiting.done()
        writer.close()


async def test_every_request_beyond_the_limit_is_refused_at_once(own_nats_server: NatsServer) -> None:
    async with overloaded(own_nats_server) as (url, waiting), httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answers = await asyncio.gather(*(http.post("/events", content=batch(500)) for _ in range(64)))
        assert {answer.status_code for answer in answers} == {429}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert not waiting.done()


class Publisher:
    """Stores messages at once, and notes how many came at a time."""

    def __init__(self) -> None:
        self.published: list[int] = []

    async def publish(self, messages: Any) -> list[Appended]:
        self.published.append(len(messages))
        return [Appended(seq, duplicate=False) for seq, _ in enumerate(messages, 1)]


async def test_large_requests_are_validated_in_turns_and_small_ones_do_not_wait() -> None:
    log = Publisher()
    ingest = Ingest(log, EventTypes(10), NO_UPCASTERS, CommandMetrics(), {}, max_pending=10_000)  # type: ignore[arg-type]
    large: list[bytes] = [json.dumps(one).encode() for one in json.loads(batch(500))]
    running = [asyncio.create_task(ingest.append_all(large)) for _ in range(8)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not log.published
    await ingest.append_all(large[:FEW])
    assert log.published == [FEW]
    await asyncio.gather(*running)
    assert log.published == [FEW] + [500] * 8
