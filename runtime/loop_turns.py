"""Measures how long the event loop is blocked: no other request makes progress in that time."""

import asyncio
from time import perf_counter, thread_time

from prometheus_client import Histogram

INTERVAL = 0.05
"""Seconds between two measurements."""
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

TURNS = Histogram(
    "tailrace_event_loop_blocked_seconds",
    "Seconds for which the event loop was blocked, measured 20 times a second.",
    buckets=BOUNDS,
    registry=None,
)
"""Of this process."""


async def measure_turns() -> None:
    """Measures until cancelled. Time in which a busy machine ran other processes does not count."""
    while True:
        wall, used = perf_counter(), thread_time()
        await asyncio.sleep(INTERVAL)
        late = perf_counter() - wall - INTERVAL
        TURNS.observe(max(0.0, min(late, thread_time() - used)))
