"""What can go wrong: each fault begins, lasts for some seconds, and ends. These faults are cheap."""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from tools.chaos.proxy import Mode
from tools.chaos.system import SERVERS, SERVICES, ChaosSystem

Action = Callable[[ChaosSystem], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """``begin`` and ``end`` are ``seconds`` apart, or a few if it is None.

    ``works`` is false if no event can be stored or counted in between.
    """

    name: str
    begin: Action
    end: Action
    works: bool = True
    seconds: float | None = None


async def nothing(_: ChaosSystem) -> None:
    """A killed process is restarted by its supervision."""


async def _signal(number: signal.Signals, name: str, system: ChaosSystem) -> None:
    system.send_signal(name, number)


async def _disturb(mode: Mode, server: str, system: ChaosSystem) -> None:
    system.proxies[server].disturb(mode)


async def _kill_both(system: ChaosSystem) -> None:
    for name in SERVERS:
        system.send_signal(name, signal.SIGKILL)


async def _limit_log(limit: int | None, system: ChaosSystem) -> None:
    """Limits the log to its present size, or to ``limit`` bytes."""
    client = await connect_nats(system.nats.url, "chaos", allow_reconnect=False)
    try:
        found = await client.stream_info(LOG_STREAM)
        size = found["state"]["bytes"] if limit is None else limit
        await _update(client, found["config"] | {"max_bytes": size})
    finally:
        await client.close()


async def _update(client: LogClient, config: dict[str, Any]) -> None:
    await client.api(f"STREAM.UPDATE.{LOG_STREAM}", config)


KILLS = [
    *(Fault(f"kill -9 of {name}", partial(_signal, signal.SIGKILL, name), nothing) for name in (*SERVERS, *SERVICES)),
    Fault("kill -9 of nats and postgres", _kill_both, nothing),
]
OTHERS = [
    *(
        Fault(
            f"SIGSTOP of {name}",
            partial(_signal, signal.SIGSTOP, name),
            partial(_signal, signal.SIGCONT, name),
        )
        for name in (*SERVERS, *SERVICES)
    ),
    *(
        Fault(
            f"connections to {server} {mode.name.lower().replace('_', ' ')}",
            partial(_disturb, mode, server),
            partial(_disturb, Mode.PASS, server),
        )
        for server in SERVERS
        for mode in Mode
        if mode is not Mode.PASS
    ),
    Fault("log full", partial(_limit_log, None), partial(_limit_log, -1), works=False),
]


async def cause(fault: Fault, system: ChaosSystem, meanwhile: Awaitable[Any]) -> None:
    """Begins a fault, and ends it after ``meanwhile``, even if that is cancelled."""
    await fault.begin(system)
    try:
        await meanwhile
    finally:
        await fault.end(system)
