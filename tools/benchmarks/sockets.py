"""Clients of ``/ws`` in a process of their own: ``python -m tools.benchmarks.sockets URL CLIENTS ENOUGH``.

Clients have enough once they have caught up (``ENOUGH`` is 0), once each has received so many events, or at SIGTERM
(-1). Prints ``ready`` once all are connected and have caught up, and a line of JSON at the end.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from contracts.errors import TailraceError
from tools.benchmarks.bench import Bench, until
from tools.benchmarks.process import Process
from tools.benchmarks.report import percentile
from tools.benchmarks.workload import STAMP, STAMP_DIGITS

EVENT, CAUGHT_UP = b'"event_id":"', b'{"kind":"caught_up"'
CONNECTING = 50  # at once, so that the service's queue for connections does not overflow
TICK = 10_000  # nanoseconds: latencies are counted in steps of 10 µs


class Client(WSListener):
    """Counts events and, for stamped ones, the time from publishing to the arrival of the frame."""

    def __init__(self, enough: int, latencies: Counter[int]) -> None:
        self.frames = self.events = 0
        self.caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enough, self._latencies = enough, latencies

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Fail the one that waits."""
        for future in (self.caught_up, self.full):
            if not future.done():
                future.set_exception(TailraceError("a client lost its connection"))
                future.exception()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count a frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        if found := payload.count(EVENT):
            self.frames += 1
            self.events += found
            now, at = time.monotonic_ns(), payload.find(STAMP) + len(STAMP)
            while at >= len(STAMP):
                self._latencies[(now - int(payload[at : at + STAMP_DIGITS])) // TICK] += 1
                at = payload.find(STAMP, at) + len(STAMP)
            if self.events >= self._enough > 0 and not self.full.done():
                self.full.set_result(None)
        elif payload.startswith(CAUGHT_UP) and not self.caught_up.done():
            self.caught_up.set_result(None)


async def receive(url: str, number: int, enough: int) -> dict[str, Any]:
    """Run clients; raises TailraceError if one can't connect or loses its connection before it has enough."""
    latencies: Counter[int] = Counter()
    clients, began = [Client(enough, latencies) for _ in range(number)], time.monotonic()
    for first in range(0, number, CONNECTING):
        await asyncio.gather(*(_connect(url, client) for client in clients[first : first + CONNECTING]))
    await asyncio.gather(*(client.caught_up for client in clients))
    if enough:
        began, stopped = time.monotonic(), asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set_result, None)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        full = stopped if enough < 0 else asyncio.gather(*(client.full for client in clients))
        await asyncio.wait([full, stopped], return_when=asyncio.FIRST_COMPLETED)
        if full.done():
            full.result()
    events = [client.events for client in clients]
    frames = sum(client.frames for client in clients)
    names = {"p50 ms": 50, "p99 ms": 99, "max ms": 100} if latencies else {}
    times = {name: percentile(latencies, percent) * TICK / 1e6 for name, percent in names.items()}
    return {"seconds": time.monotonic() - began, "frames": frames, "events": sum(events), "fewest": min(events)} | times


async def _connect(url: str, client: Client) -> None:
    try:
        await ws_connect(lambda: client, url, websocket_handshake_timeout=30)
    except Exception as error:
        raise TailraceError(f"a client can't connect to {url}: {error or type(error).__name__}") from None


async def clients(bench: Bench, url: str, number: int = 1, enough: int = 0) -> Process:
    """Start clients; with ``enough`` wait until they have caught up."""
    process = bench.module("sockets", url, number, enough)
    if enough:
        await until(partial(_ready, process), process)
    return process


async def _ready(process: Process) -> None:
    process.output.read_text().splitlines()[0]


async def received(process: Process, timeout: float) -> dict[str, Any]:
    """What clients have received when they have enough, or after ``timeout`` seconds."""
    with suppress(TailraceError):
        await process.wait(timeout)
    await process.stop()
    process.runs()
    found: dict[str, Any] = json.loads(process.output.read_text().splitlines()[-1])
    return found


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(uvloop.run(receive(sys.argv[1], *map(int, sys.argv[2:])))) + "\n")
    except TailraceError as error:
        sys.exit(str(error))
