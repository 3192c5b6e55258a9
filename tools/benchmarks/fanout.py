"""``just bench fanout``: what one process fans out at full speed, beside the fan-out of most tutorials."""

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec

from contracts.errors import TailraceError
from query.live.bounds import read_log_ends
from query.parameters import cursor_text
from runtime.settings import Settings
from tools.benchmarks.report import Report, number, ratio, table, times
from tools.benchmarks.stage import Stage
from tools.benchmarks.watching.messages import Watch, Watched
from tools.benchmarks.watching.running import PEERS, Peer, serving_live, watching

FEWER = 50
"""The tutorial's service sends one of so many events: it would take that much longer."""
PATIENCE = 600.0
"""Seconds all clients may take to get everything."""


async def bench_fanout(stage: Stage, *, events: int, clients: int) -> Report:
    """Fills either service with ``events`` and has all clients ask for all of them at the same moment."""
    async with stage.database() as settings:
        roomy = settings.model_copy(update={"live_ring": events})
        found = [await _fan_out(stage, roomy, peer, events, clients) for peer in PEERS]
    return _report(f"bench fanout --events {events} --clients {clients}", found)


async def _fan_out(stage: Stage, settings: Settings, peer: Peer, events: int, clients: int) -> dict[str, Any]:
    kept = events if peer == "Tailrace" else max(events // FEWER, 1)
    async with serving_live(stage, settings, peer, keep=kept) as service:
        again = json.dumps({"kind": "seek", "from": cursor_text((await read_log_ends(stage.log)).end)})
        await stage.append(kept)
        watch = Watch(service.socket(**{"from": "latest"}), 1, service.program.pid, say=again)
        deadline = time.monotonic() + PATIENCE
        while (await _watch(stage, settings, watch)).events < kept:  # the service is still reading them
            if time.monotonic() > deadline:
                raise TailraceError(f"{peer} has not got {kept:,} events after {PATIENCE:.0f} s")
        stage.progress.say(f"{kept:,} events from {peer} to {clients:,} clients")
        watched = await _watch(stage, settings, msgspec.structs.replace(watch, clients=clients))
        if (watched.fewest, watched.events) != (kept, kept * clients):
            raise TailraceError(f"{clients:,} clients of {peer} got {watched.events:,} events, not {kept:,} each")
    return {
        "peer": peer,
        "clients": clients,
        "events": kept,
        "seconds": watched.seconds,
        "frames_per_second": watched.frames / watched.seconds,
        "events_per_second": watched.events / watched.seconds,
        "bytes_per_second": watched.bytes / watched.seconds,
        "service_cpu": watched.service_cpu / watched.seconds,
        "clients_cpu": watched.cpu / watched.seconds,
        "events_per_cpu_second": ratio(watched.events, watched.service_cpu),
    }


async def _watch(stage: Stage, settings: Settings, watch: Watch) -> Watched:
    async with watching(stage, settings, watch) as watchers:
        return await watchers.until_enough(PATIENCE)


def _report(command: str, found: list[dict[str, Any]]) -> Report:
    ours, naive = found
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("clients", "clients", number),
        ("events to each", "events", number),
        ("events/s, all clients", "events_per_second", number),
        ("frames/s, all clients", "frames_per_second", number),
        ("MB/s, all clients", "bytes_per_second", lambda value: number(value / 1e6)),
        ("CPU of the service, cores", "service_cpu", times),
        ("CPU of the clients, cores", "clients_cpu", times),
        ("events per CPU second of the service", "events_per_cpu_second", number),
    ]
    keys = ("events_per_second", "bytes_per_second", "events_per_cpu_second")
    ratios = {key: ratio(ours[key] or 0, naive[key] or 0) for key in keys}
    return Report(
        "fanout",
        command,
        "Fan-out",
        f"What one process of the query service sends at full speed: {ours['clients']:,} connected clients ask at the "
        f"same moment for the latest {ours['events']:,} events, which it keeps ready (`TAILRACE_LIVE_RING` is set to "
        "that many), until the last client has the last event; each has to get every one. send_json is the fan-out of "
        f"most tutorials with the latest {naive['events']:,} events in its memory, on the same server. The clients "
        "count events and do nothing else.",
        table(
            ["", "Tailrace", "send_json", "Tailrace / send_json"],
            [
                [title, *("" if one[key] is None else show(one[key]) for one in found), times(ratios.get(key))]
                for title, key, show in shown
            ],
        ),
        {"measured": found, "ratios": ratios},
    )
