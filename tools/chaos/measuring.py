"""Memory, open files and blocked event loops of the services while they run."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import psutil

from tools.chaos.result import Result
from tools.chaos.system import SERVICES, ChaosSystem

INTERVAL = 0.5
MOST_MEMORY, MOST_FILES = 700_000_000, 400
"""Bounds of a service: bytes of resident memory, open files and sockets."""
LONGEST_TURN = 0.25
"""Seconds for which the event loop of a service may be blocked."""
_BUCKET = re.compile(r'^tailrace_event_loop_blocked_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@asynccontextmanager
async def measured(system: ChaosSystem, result: Result) -> AsyncIterator[None]:
    """Keeps the largest figures of each service in ``result`` while the block runs."""
    measuring = [asyncio.create_task(_measure(system, name, result)) for name in SERVICES]
    try:
        yield
    finally:
        for one in measuring:
            one.cancel()
        await asyncio.gather(*measuring, return_exceptions=True)


async def _measure(system: ChaosSystem, name: str, result: Result) -> None:
    url = f"{getattr(system.endpoints, name)}/metrics"
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        while True:
            await asyncio.sleep(INTERVAL)
            with suppress(psutil.Error, httpx.HTTPError):
                process = psutil.Process(system.children[name].pid)
                answer = await http.get(url)
                # before it answers, a process that was just forked still has this program's memory
                _keep(result.memory, name, process.memory_info().rss)
                _keep(result.files, name, process.num_fds())
                _keep(result.blocked, name, longest_turn(answer.text))


def longest_turn(metrics: str) -> float:
    """Returns the smallest bound, s, that no time of a blocked loop exceeds; inf if one exceeds all."""
    counts = [(float(bound), float(count)) for bound, count in _BUCKET.findall(metrics)]
    return next((bound for bound, count in counts if count == counts[-1][1]), 0.0)


def _keep(figures: dict[str, Any], name: str, value: float) -> None:
    figures[name] = max(figures.get(name, value), value)


def beyond_bounds(result: Result, *, timings: bool) -> Iterator[str]:
    """Yields a sentence for each figure that exceeds its bound; for those of time only with ``timings``."""
    for name in SERVICES:
        if (memory := result.memory.get(name, 0)) > MOST_MEMORY:
            yield f"{name} used {memory:,} bytes of memory"
        if (files := result.files.get(name, 0)) > MOST_FILES:
            yield f"{name} had {files} open files"
        if timings and (seconds := result.blocked.get(name, 0)) > LONGEST_TURN:
            yield f"the event loop of {name} was blocked for up to {seconds} s"
