"""``just bench clients``: what a client of ``/ws`` costs that waits, and one that doesn't take what it is sent."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from runtime.settings import Settings
from tools.benchmarks.programs import Program, allow_open_files
from tools.benchmarks.report import Report, kilobytes, megabytes, milliseconds, percent, table
from tools.benchmarks.stage import Stage
from tools.benchmarks.watching.messages import Pulse, Watch
from tools.benchmarks.watching.running import GRACE, PEERS, Peer, publish, serving_live, watching

RATE = 5_000.0
"""Events a second: 50 MB have passed before the service has waited 20 s for a client, which it then closes."""
PADDING, EVENT_SIZE = 700, 1_000
"""Bytes that make an event so large in a frame, about."""
SETTLED = 0.5
"""Seconds between two looks at a process' memory that have to agree."""
LOOKS = 20
SPARE_FILES = 200
"""Open files that a service needs beside its clients."""


async def bench_clients(stage: Stage, *, idle: int, slow: int, volume: int) -> Report:
    """Connects ``idle`` clients that wait, and ``slow`` ones that read nothing while ``volume`` MB of events pass."""
    allow_open_files(max(idle, slow) + SPARE_FILES)
    events = volume * 1_000_000 // EVENT_SIZE
    async with stage.database() as settings:
        found = [
            {
                "peer": peer,
                **await _idle(stage, settings, peer, idle),
                **await _slow(stage, settings, peer, slow, events / RATE),
            }
            for peer in PEERS
        ]
    return _report(f"bench clients --idle {idle} --slow {slow} --megabytes {volume}", found)


async def _idle(stage: Stage, settings: Settings, peer: Peer, clients: int) -> dict[str, Any]:
    stage.progress.say(f"{clients:,} idle clients of {peer}")
    async with serving_live(stage, settings, peer) as service:
        latest = service.socket(**{"from": "latest"})
        async with watching(stage, settings, Watch(latest, 1, service.program.pid)):
            pass  # the first client of a service has it load what others find loaded
        without = await _memory(service.program)
        async with watching(stage, settings, Watch(latest, clients, service.program.pid)):
            with_them = await _memory(service.program)
    return {
        "idle_clients": clients,
        "memory_without_idle": without,
        "memory_with_idle": with_them,
        "memory_per_idle": (with_them - without) / clients,
    }


async def _slow(stage: Stage, settings: Settings, peer: Peer, clients: int, seconds: float) -> dict[str, Any]:
    alone = await _pass(stage, settings, peer, 0, seconds)
    beside = await _pass(stage, settings, peer, clients, seconds)
    return {
        "slow_clients": clients,
        "passed": alone["passed"],
        "memory_without_slow": alone["memory"],
        "memory_with_slow": beside["memory"],
        "memory_per_slow": (beside["memory"] - alone["memory"]) / clients,
        "slow_let_go": beside["let_go"],
        "good_alone": alone["good"],
        "good_beside_slow": beside["good"],
    }


async def _pass(stage: Stage, settings: Settings, peer: Peer, slow: int, seconds: float) -> dict[str, Any]:
    """Has events pass a new service that one good client listens to, and so many that read nothing."""
    stage.progress.say(f"{RATE * seconds:,.0f} events to a good client of {peer} and {slow:,} slow ones")
    async with serving_live(stage, settings, peer) as service, AsyncExitStack() as opened:
        pid, latest = service.program.pid, service.socket(**{"from": "latest"})
        expected = max(round(RATE * seconds), 1)
        good = await opened.enter_async_context(
            watching(stage, settings, Watch(latest, 1, pid, timed=True, events=expected))
        )
        deaf = None
        if slow:
            deaf = await opened.enter_async_context(watching(stage, settings, Watch(latest, slow, pid, deaf=True)))
        await publish(stage, settings, Pulse(RATE, seconds, padding=PADDING))
        got = await good.stop(GRACE[peer])
        memory = service.program.memory
        let_go = (await deaf.stop()).lost if deaf is not None else 0
    return {
        "memory": memory,
        "passed": got.bytes,
        "let_go": let_go,
        "good": {
            "arrived": got.events / expected,
            "p50": got.latency.p50 if got.latency else None,
            "p99": got.latency.p99 if got.latency else None,
        },
    }


async def _memory(program: Program) -> int:
    """Bytes of resident memory once that has settled."""
    memory = program.memory
    for _ in range(LOOKS):
        await asyncio.sleep(SETTLED)
        before, memory = memory, program.memory
        if memory == before:
            break
    return memory


def _report(command: str, found: list[dict[str, Any]]) -> Report:
    ours = found[0]
    for one in found:
        for side in ("good_alone", "good_beside_slow"):
            one |= {f"{side}_{key}": value for key, value in one.pop(side).items()}
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("no client: memory, MB", "memory_without_idle", megabytes),
        (f"{ours['idle_clients']:,} idle clients: memory, MB", "memory_with_idle", megabytes),
        ("per idle client, kB", "memory_per_idle", kilobytes),
        ("no slow client: memory, MB", "memory_without_slow", megabytes),
        (f"{ours['slow_clients']:,} slow clients: memory, MB", "memory_with_slow", megabytes),
        ("per slow client, kB", "memory_per_slow", kilobytes),
        ("a good client alone: arrived", "good_alone_arrived", percent),
        ("a good client alone: p50, ms", "good_alone_p50", milliseconds),
        ("a good client alone: p99, ms", "good_alone_p99", milliseconds),
        ("a good client beside the slow: arrived", "good_beside_slow_arrived", percent),
        ("a good client beside the slow: p50, ms", "good_beside_slow_p50", milliseconds),
        ("a good client beside the slow: p99, ms", "good_beside_slow_p99", milliseconds),
    ]
    incomplete = ours["good_alone_arrived"] < 1 or ours["good_beside_slow_arrived"] < 1
    explanation = (
        "What clients of `/ws` cost the service's process, in resident memory. Idle ones are connected and wait for "
        f"events. Slow ones read nothing while {ours['passed'] / 1e6:,.0f} MB of events pass, {RATE:,.0f} a second; "
        f"memory is read when a good client has got all of them, once with {ours['slow_clients']:,} slow ones and once "
        "without, and includes the latest events that every service keeps. What the kernel holds for a connection is "
        "not in it. send_json is the fan-out of most tutorials, which waits for each client in turn and keeps no "
        f"events; what has not arrived from it {GRACE['send_json']:.0f} s after the last event is not waited for."
    )
    if ours["slow_let_go"]:
        explanation += f" {ours['slow_let_go']:,} slow clients were closed before the end, as too slow."
    return Report(
        "clients",
        command,
        "Clients",
        explanation,
        table(
            ["", *(one["peer"] for one in found)],
            [[title, *("" if one[key] is None else show(one[key]) for one in found)] for title, key, show in shown],
        ),
        {"measured": found},
        "a good client of /ws did not get every event" if incomplete else None,
    )
