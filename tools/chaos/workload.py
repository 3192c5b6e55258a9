"""Producers and readers with a known history: every acknowledged id, and every frame of every client."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import nats
from nats.errors import Error as NatsError

from contracts.cursors import Cursor
from contracts.subjects import INBOX
from tailrace.stream_client import QueryUnavailableError, follow

TYPES = ("page_view", "click", "order.completed", "checkout.started")
USERS = 200
LINES = 50
PAUSE = 0.02
"""Seconds between two requests of one producer."""
RETRY = 0.2
INVALID = b'{"event_type":"\\u001b]0;owned\\u0007","user_id":"\\u009b31m","event_data":{}}'
"""Refused; a terminal would obey the control characters of its type and user."""


@dataclass
class History:
    """What producers and clients know."""

    sent: int = 0
    acknowledged: set[UUID] = field(default_factory=set)
    refused: int = 0
    streams: list[list[tuple[int, str]]] = field(default_factory=list)
    """Sequences and event ids of each client of ``/ws``, in the order of arrival."""
    gaps: list[str] = field(default_factory=list)
    """Gaps that clients received; a log that loses nothing has none."""


class Workload:
    """Producers through every way in, and clients of ``/ws``."""

    def __init__(self, command: str, query: str, producer: str, seed: int) -> None:
        self.history = History()
        self._command, self._query, self._producer = command, query, producer
        self._random = random.Random(seed)
        self._stopping = False
        self._numbers = count()

    @asynccontextmanager
    async def running(self, *, producers: int = 2, clients: int = 3) -> AsyncIterator[None]:
        """Produces and reads; stops the producers at the end, and the clients when they have what is in the log."""
        self.history.streams = [[] for _ in range(clients)]
        readers = [asyncio.create_task(self._read(stream)) for stream in self.history.streams]
        writers = [
            asyncio.create_task(write())
            for write in [self._post_single] * producers + [self._post_lines, self._publish, self._post_invalid]
        ]
        try:
            yield
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, *writers, return_exceptions=True)

    def stop_producing(self) -> None:
        """Ends the producers once their present request is answered or has failed."""
        self._stopping = True

    def make_event(self) -> tuple[UUID, bytes]:
        """Returns an event and its id; both follow from the seed."""
        number = next(self._numbers)
        event_id = UUID(int=self._random.getrandbits(128), version=4)
        event = {
            "event_id": str(event_id),
            "event_type": self._random.choice(TYPES),
            "user_id": self._random.randrange(USERS),
            "created_at": f"2026-11-{1 + number % 27:02}T{number % 24:02}:{number % 60:02}:00Z",
            "event_data": {"path": f"/{number % 50}", "number": number},
        }
        return event_id, json.dumps(event).encode()

    async def _post_single(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while not self._stopping:
                event_id, event = self.make_event()
                await self._post(http, event, {event_id}, "application/json")
                await asyncio.sleep(PAUSE)

    async def _post_lines(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while not self._stopping:
                events = dict(self.make_event() for _ in range(LINES))
                await self._post(http, b"\n".join(events.values()), set(events), "application/x-ndjson")
                await asyncio.sleep(PAUSE)

    async def _post(self, http: httpx.AsyncClient, body: bytes, ids: set[UUID], content_type: str) -> None:
        """Repeats a request until all of its events are acknowledged: an event may be sent twice, but counts once."""
        self.history.sent += len(ids)
        while True:
            with suppress(httpx.HTTPError):
                answer = await http.post(
                    f"{self._command}/events", content=body, headers={"Content-Type": content_type}
                )
                if answer.status_code == 202:
                    self.history.acknowledged |= ids
                    return
            if self._stopping:
                return
            await asyncio.sleep(RETRY)

    async def _post_invalid(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while not self._stopping:
                with suppress(httpx.HTTPError):
                    answer = await http.post(f"{self._command}/events", content=INVALID)
                    self.history.refused += answer.status_code == 422
                await asyncio.sleep(1)

    async def _publish(self) -> None:
        """Sends over NATS; an acknowledgement of JetStream is as good as one over HTTP."""
        while not self._stopping:
            with suppress(NatsError, OSError, TimeoutError):
                client = await nats.connect(self._producer, allow_reconnect=False, error_cb=_ignore, connect_timeout=5)
                try:
                    while not self._stopping:
                        event_id, event = self.make_event()
                        self.history.sent += 1
                        await client.jetstream().publish(INBOX, event, timeout=5)
                        self.history.acknowledged.add(event_id)
                        await asyncio.sleep(PAUSE)
                finally:
                    await client.close()
            await asyncio.sleep(RETRY)

    async def _read(self, stream: list[tuple[int, str]]) -> None:
        asked: dict[str, Any] = {"from": "earliest"}
        while True:
            with suppress(QueryUnavailableError):
                async for frame in follow(self._query, asked):
                    if frame["kind"] == "gap":
                        self.history.gaps.append(json.dumps(frame))
                    events = frame.get("events", ())
                    stream.extend((Cursor.parse(event["cursor"]).seq, event["event_id"]) for event in events)
            await asyncio.sleep(RETRY)


async def _ignore(_: Exception) -> None:
    """Producers see errors where they wait for an answer."""
