"""Starting the processes of a live benchmark: the service that is measured, its clients, the producer."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Literal, TypeVar

import msgspec

from contracts.errors import TailraceError
from runtime.settings import Settings
from tools.benchmarks.asking import QueryService, serving, serving_queries
from tools.benchmarks.programs import Program
from tools.benchmarks.stage import Stage
from tools.benchmarks.watching.messages import READY, Pulse, Pulsed, Watch, Watched

Peer = Literal["Tailrace", "send_json"]
"""What fans out: the query service, or a small service as most tutorials have it."""
PEERS: tuple[Peer, ...] = ("Tailrace", "send_json")

GRACE: dict[Peer, float] = {"Tailrace": 60.0, "send_json": 10.0}
"""Seconds after the last event in which what is late may still arrive. What Tailrace does not deliver is a failure, not
to be mistaken for slowness; the other only gets further behind."""
READY_TIMEOUT = 120.0
"""Seconds in which all clients have to be connected."""
ACKNOWLEDGED = 60.0
"""Seconds that a producer may need beyond its time, for its start, its warm-up and the last acknowledgements."""
_LOOK = 0.02

T = TypeVar("T", bound=msgspec.Struct)


class Watching:
    """A process with clients that are connected and have caught up."""

    def __init__(self, program: Program) -> None:
        self.program = program

    async def until_enough(self, timeout: float) -> Watched:
        """What they got when all had seen enough.

        Raises:
            TailraceError: that was not so in ``timeout`` seconds, or a client lost its connection.
        """
        await self.program.wait(timeout)
        return found(self.program, Watched)

    async def stop(self, patience: float = 0.0) -> Watched:
        """What they have got when all have seen enough, or after ``patience`` seconds.

        Raises:
            TailraceError: a client lost its connection before it had seen enough.
        """
        with suppress(TailraceError):
            await self.program.wait(patience)
        await self.program.stop()
        return found(self.program, Watched)


def serving_live(
    stage: Stage, settings: Settings, peer: Peer, *, keep: int = 1
) -> AbstractAsyncContextManager[QueryService]:
    """Runs what fans out; ``keep`` is how many events the tutorial's service can send again.

    Raises:
        TailraceError: it doesn't start.
    """
    if peer == "Tailrace":
        return serving_queries(stage, settings)
    module = "tools.benchmarks.watching.naive_peer"
    return serving(stage, settings, str(keep), program=(sys.executable, "-m", module), name="naive peer")


@asynccontextmanager
async def watching(stage: Stage, settings: Settings, watch: Watch) -> AsyncIterator[Watching]:
    """Runs clients in a process of their own; entered once all have caught up.

    Raises:
        TailraceError: one can't connect.
    """
    name = f"{watch.clients:,} clients"
    async with running(stage, settings, "watchers", watch, name) as program:
        deadline = time.monotonic() + READY_TIMEOUT
        while not program.output.startswith(READY):
            program.check()
            if time.monotonic() > deadline:
                raise TailraceError(f"{name} were not connected after {READY_TIMEOUT:.0f} s")
            await asyncio.sleep(_LOOK)
        yield Watching(program)


async def publish(stage: Stage, settings: Settings, pulse: Pulse) -> Pulsed:
    """Has events published at a fixed rate.

    Raises:
        TailraceError: the log does not take them.
    """
    async with running(stage, settings, "pulse", pulse, "producer") as program:
        await program.wait(pulse.seconds + ACKNOWLEDGED)
        return found(program, Pulsed)


def running(
    stage: Stage, settings: Settings, module: str, task: msgspec.Struct, name: str
) -> AbstractAsyncContextManager[Program]:
    """Runs a module of this package that is told a task."""
    program = (sys.executable, "-m", f"tools.benchmarks.watching.{module}")
    return stage.running(settings, msgspec.json.encode(task).decode(), program=program, name=name)


def found(program: Program, kind: type[T]) -> T:
    """What a process that has ended has found.

    Raises:
        TailraceError: it has failed.
    """
    program.check()
    return msgspec.json.decode(program.output.splitlines()[-1], type=kind)
