"""Measures how soon each service works again once both servers accept connections."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import httpx

from contracts.cursors import Cursor
from tools.chaos.system import ChaosSystem
from tools.chaos.workload import Workload

LONGEST = 60.0
"""Seconds within which everything must work again after a fault."""
POLL_INTERVAL = 0.05

Seconds = dict[str, float]
"""Seconds until the first ``append``, ``stats`` answer and ``projected`` event, and until that of the append is
``counted``, behind all that waited, and received by every client of ``/ws`` (``frame``)."""


async def measure_recovery(system: ChaosSystem, workload: Workload) -> Seconds:
    """Waits until an event is stored, counted and received by every client; the seconds count from the servers' return.

    Raises:
        TimeoutError: it takes more than ``LONGEST`` seconds.
    """
    found: Seconds = {}
    async with asyncio.timeout(LONGEST), httpx.AsyncClient(trust_env=False, timeout=5) as http:
        await system.until_servers_accept()
        began, position = time.monotonic(), await _projected(system)

        async def note(name: str, step: Callable[[], Awaitable[Any]]) -> Any:
            while not (result := await step()):  # noqa: ASYNC110 (of another process)
                await asyncio.sleep(POLL_INTERVAL)
            found[name] = round(time.monotonic() - began, 2)
            return result

        async def stats(**asked: str) -> bool:
            with suppress(httpx.HTTPError):
                return (await http.get(f"{system.endpoints.query}/stats", params=asked)).status_code == 200
            return False

        async def follow_event() -> None:
            cursor = await note("append", lambda: _append(http, system, workload))
            seq = Cursor.parse(cursor).seq

            async def received() -> bool:
                return all(stream and stream[-1][0] >= seq for stream in workload.history.streams)

            await asyncio.gather(
                note("counted", lambda: stats(min_cursor=cursor, event_type="page_view")), note("frame", received)
            )

        async def moved() -> bool:
            return await _projected(system) != position

        await asyncio.gather(
            note("stats", lambda: stats(event_type="page_view")), note("projected", moved), follow_event()
        )
    return found


async def _projected(system: ChaosSystem) -> str | None:
    """Returns the read model's position; None while the database does not answer."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(system.endpoints.database, timeout=5)
        try:
            return str(await connection.fetchrow("select epoch, seq from projection_position"))
        finally:
            await connection.close()
    return None


async def _append(http: httpx.AsyncClient, system: ChaosSystem, workload: Workload) -> str | None:
    event_id, event = workload.make_event()
    workload.history.sent += 1
    with suppress(httpx.HTTPError):
        answer = await http.post(f"{system.endpoints.command}/events", content=event)
        if answer.status_code == 202:
            workload.history.acknowledged.add(event_id)
            cursor: str = answer.json()["cursor"]
            return cursor
    return None
