"""``python -m tools.benchmarks.watching.watchers WATCH``: a process that holds clients, told a ``Watch``.

It prints a line once all are connected and have caught up, and what they got (``Watched``) at its end.
"""

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from websockets.uri import WebSocketURI, parse_uri

from contracts.errors import TailraceError
from runtime.supervise import stop_on_signals
from tools.benchmarks.watching.messages import (
    STAMP,
    STAMP_DIGITS,
    Latency,
    Watch,
    Watched,
    cpu_seconds,
    read_task,
    run_task,
    say_ready,
)
from tools.benchmarks.watching.sockets import Socket

AT_ONCE = 50
"""Clients that connect at the same time: the service's queue for connections is not to overflow."""
PATIENCE = 30.0
"""Seconds a client may take to connect and catch up."""

CAUGHT_UP = b'{"kind":"caught_up"'
EVENT = b'"event_id":"'
RESOLUTION = 10_000
"""Nanoseconds: latencies are counted in steps of 10 µs."""

Latencies = Counter[int]
"""How many events took so many steps of ``RESOLUTION``."""


class Watcher(Socket):
    """Counts what one client gets, and how old it is."""

    def __init__(self, uri: WebSocketURI, latencies: Latencies | None, enough: int) -> None:
        super().__init__(uri)
        self.frames = self.events = self.bytes = 0
        self.caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Whether history has ended; made anew by ``watch``."""
        self._latencies = latencies
        self._enough = enough

    def watch(self, text: str) -> None:
        """Says ``text``, if anything, and waits for the next time it has caught up."""
        self.frames = self.events = self.bytes = 0
        self.caught_up = asyncio.get_running_loop().create_future()
        if text:
            self.say(text)

    def on_text(self, payload: bytes, arrived: int) -> None:
        """See ``Socket.on_text``."""
        if payload.startswith(CAUGHT_UP):
            self._finish()
            return
        latencies = self._latencies
        if latencies is None:
            found = payload.count(EVENT)
        else:
            found, at = 0, payload.find(STAMP)
            while at >= 0:
                at += len(STAMP)
                latencies[(arrived - int(payload[at : at + STAMP_DIGITS])) // RESOLUTION] += 1
                found += 1
                at = payload.find(STAMP, at)
        if found:
            self.frames += 1
            self.events += found
            self.bytes += len(payload)
            if self._enough and self.events >= self._enough:
                self._finish()

    def on_end(self, reason: str) -> None:
        """See ``Socket.on_end``."""
        if not self.caught_up.done():
            self.caught_up.set_exception(TailraceError(f"a client lost its connection: {reason}"))
            self.caught_up.exception()  # somebody has seen it, even if nobody waits

    def _finish(self) -> None:
        if not self.caught_up.done():
            self.caught_up.set_result(None)


async def serve(watch: Watch) -> Watched:
    """Holds the clients until they have seen enough, or SIGTERM.

    Raises:
        TailraceError: a client can't connect, or loses its connection before it has seen enough.
    """
    stop = stop_on_signals()
    latencies: Latencies | None = Counter() if watch.timed else None
    uri = parse_uri(watch.url)
    watchers = [Watcher(uri, latencies, watch.events) for _ in range(watch.clients)]
    try:
        for first in range(0, watch.clients, AT_ONCE):
            await _connect(uri, watchers[first : first + AT_ONCE])
        if watch.deaf:
            for watcher in watchers:
                watcher.stop_reading()
        began, cpu, service_cpu = time.monotonic(), time.process_time(), cpu_seconds(watch.pid)
        for watcher in watchers:
            watcher.watch(watch.say)
        say_ready()
        await _until_enough(watch, watchers, stop)
        return Watched(
            seconds=time.monotonic() - began,
            frames=sum(watcher.frames for watcher in watchers),
            events=sum(watcher.events for watcher in watchers),
            bytes=sum(watcher.bytes for watcher in watchers),
            fewest=min(watcher.events for watcher in watchers),
            lost=sum(watcher.lost for watcher in watchers),
            cpu=time.process_time() - cpu,
            service_cpu=cpu_seconds(watch.pid) - service_cpu,
            latency=measure(latencies) if latencies else None,
        )
    finally:
        for watcher in watchers:
            watcher.leave()


async def _connect(uri: WebSocketURI, watchers: list[Watcher]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(_open(uri, watcher) for watcher in watchers))
    except TimeoutError:
        raise TailraceError(f"a client has not caught up {PATIENCE:.0f} s after it began to connect") from None
    except OSError as error:
        raise TailraceError(f"a client can't connect: {error.strerror or error}") from None


async def _open(uri: WebSocketURI, watcher: Watcher) -> None:
    await asyncio.get_running_loop().create_connection(lambda: watcher, uri.host, uri.port)
    await watcher.caught_up


async def _until_enough(watch: Watch, watchers: list[Watcher], stop: asyncio.Event) -> None:
    stopped = asyncio.ensure_future(stop.wait())
    waiting = {stopped}
    if watch.say or watch.events:
        waiting.add(asyncio.ensure_future(_all_caught_up(watchers)))
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        task.result()


async def _all_caught_up(watchers: list[Watcher]) -> Literal[True]:
    for watcher in watchers:
        await watcher.caught_up
    return True


def measure(latencies: Latencies) -> Latency:
    """Percentiles of at least one latency, by nearest rank."""
    steps = sorted(latencies.items())
    return Latency(p50=_ranked(steps, 50), p99=_ranked(steps, 99), longest=_ranked(steps, 100))


def _ranked(steps: Sequence[tuple[int, int]], percent: int) -> float:
    up_to = list(accumulate(count for _, count in steps))
    rank = max(-(-up_to[-1] * percent // 100), 1)
    return steps[bisect_left(up_to, rank)][0] * RESOLUTION / 1e9


if __name__ == "__main__":
    run_task(serve(read_task(Watch)))
