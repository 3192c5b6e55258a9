"""A stretch of live operation: events come in at a fixed rate, somebody asks, and how far the read model is behind."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from runtime.settings import Settings
from tools.benchmarks import load
from tools.benchmarks.asking import QueryService, percentile
from tools.benchmarks.pace import Where
from tools.benchmarks.stage import Stage

LOAD = (sys.executable, "-m", load.__name__)
QUESTION: dict[str, str] = {}
"""What the web page asks ``/stats``: for all there is."""
PAUSE = 0.05
"""Seconds between questions."""
WARM_UP = 2.0
"""Seconds at the start that don't count: connections are opened and statements prepared in them."""
LOOK = 0.02


class Lag(NamedTuple):
    """Log entries that were not projected, and the seconds that the oldest of them had waited."""

    events: int
    seconds: float


class Lived(NamedTuple):
    """What was seen: seconds, events appended, lags, and the seconds that answers took."""

    seconds: float
    appended: int
    lags: list[Lag]
    answers: list[float]

    def as_json(self) -> dict[str, float]:
        """For machines; times in seconds."""
        return {
            "seconds": self.seconds,
            "asked": len(self.answers),
            "appended_per_second": self.appended / self.seconds,
            "lag_seconds_p95": percentile([lag.seconds for lag in self.lags], 95),
            "lag_seconds_max": max(lag.seconds for lag in self.lags),
            "lag_events_p95": percentile([lag.events for lag in self.lags], 95),
            "lag_events_max": max(lag.events for lag in self.lags),
            "stats_p50": percentile(self.answers, 50),
            "stats_p95": percentile(self.answers, 95),
        }


async def live(
    stage: Stage, settings: Settings, where: Where, service: QueryService, *, rate: float, over: Callable[[float], bool]
) -> Lived:
    """Appends ``rate`` events a second and asks, until ``over`` says so of the seconds since the warm-up.

    Raises:
        TailraceError: something of it fails.
    """
    async with stage.running(settings, f"{rate:.3f}", program=LOAD) as producing:
        empty = first = (await stage.log.state()).last_seq
        while first == empty:  # it is still starting
            producing.check()
            await asyncio.sleep(LOOK)
            first = (await stage.log.state()).last_seq
        await _ask(service, lambda seconds: seconds >= WARM_UP)
        first, began = (await stage.log.state()).last_seq, time.monotonic()
        answers, lags = await asyncio.gather(_ask(service, over), _watch(stage, where, over))
        last, seconds = (await stage.log.state()).last_seq, time.monotonic() - began
        producing.check()
    return Lived(seconds, last - first, lags, answers)


async def _ask(service: QueryService, over: Callable[[float], bool]) -> list[float]:
    began = time.monotonic()
    took: list[float] = []
    while not took or not over(time.monotonic() - began):
        took.append((await service.ask(QUESTION)).seconds)
        await asyncio.sleep(PAUSE)
    return took


async def _watch(stage: Stage, where: Where, over: Callable[[float], bool]) -> list[Lag]:
    began = time.monotonic()
    lags: list[Lag] = []
    ends: deque[tuple[int, float]] = deque()  # the log's end, and when it was there
    while not lags or not over(time.monotonic() - began):
        projected = await where()
        # the log second: it can only have grown, so the lag is never negative
        end, now = (await stage.log.state()).last_seq, time.monotonic()
        ends.append((end, now))
        while ends[0][0] <= projected and len(ends) > 1:
            ends.popleft()
        lags.append(Lag(end - projected, now - ends[0][1]))
        await asyncio.sleep(LOOK)
    return lags
