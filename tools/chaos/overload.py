"""More requests at once than the command service accepts: each is refused or admitted soon."""

import asyncio
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from tools.chaos.workload import Workload

CONNECTIONS, EVENTS = 64, 500


class Overload(Struct):
    """Requests of an overload, and the slowest answers, s."""

    requests: int = 0
    refused: int = 0
    """Of them with 429."""
    slowest_refusal: float = 0.0
    slowest_answer: float = 0.0


async def overload(command: str, workload: Workload, found: Overload) -> None:
    """Sends ``CONNECTIONS`` requests at once, each of ``EVENTS`` events, again and again until cancelled."""
    clients = [dict(workload.make_event() for _ in range(EVENTS)) for _ in range(CONNECTIONS)]
    workload.history.sent += CONNECTIONS * EVENTS
    await asyncio.gather(*(_send(command, events, workload, found) for events in clients))


async def _send(command: str, events: dict[UUID, bytes], workload: Workload, found: Overload) -> None:
    address, body = urlsplit(command), b"\n".join(events.values())
    head = (
        f"POST /events HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                while True:
                    began = time.monotonic()
                    writer.write(head.encode() + body)
                    status = await _read_answer(reader)
                    _note(found, status, round(time.monotonic() - began, 3))
                    if status == 202:
                        workload.history.acknowledged |= events.keys()
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.1)


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head: Any = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return int(head[9:12])


def _note(found: Overload, status: int, took: float) -> None:
    found.requests += 1
    found.slowest_answer = max(found.slowest_answer, took)
    if status == 429:
        found.refused += 1
        found.slowest_refusal = max(found.slowest_refusal, took)
