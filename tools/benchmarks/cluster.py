"""``just bench cluster``: what three copies of the log cost, and how long it is away when its leader is killed."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import median
from typing import Any, NamedTuple

from command.appender import BATCH, Appender, Message
from contracts.errors import TailraceError
from runtime.settings import Settings
from tools.benchmarks.asking import percentile, serving_queries
from tools.benchmarks.failover import measure_outages
from tools.benchmarks.log_servers import running_log_servers
from tools.benchmarks.report import Report, milliseconds, number, ratio, table, times
from tools.benchmarks.stage import Stage
from tools.benchmarks.traffic import Traffic, append, appending
from tools.benchmarks.watching.messages import Pulse, Watch
from tools.benchmarks.watching.running import GRACE, publish, watching

SENDERS = 4
"""Batches that are on their way at once at full speed."""
ONE_BY_ONE = 100
"""So many times fewer events are published one by one: each waits for the acknowledgement of the one before."""


class Setup(NamedTuple):
    """So many servers, and copies of each event."""

    servers: int
    copies: int

    @property
    def title(self) -> str:
        """As a column has it."""
        servers = "1 server" if self.servers == 1 else f"{self.servers} servers"
        return f"{servers}, {self.copies} {'copy' if self.copies == 1 else 'copies'}"


SETUPS = (Setup(1, 1), Setup(3, 1), Setup(3, 3))


async def bench_cluster(stage: Stage, *, events: int, rate: float, seconds: float, kills: int) -> Report:
    """Publishes the same to one server and to three, with one copy and with three; kills the leader of these."""
    found = []
    async with stage.database() as settings:
        for setup in SETUPS:
            folder = stage.folder / f"log-{setup.servers}-{setup.copies}"
            async with running_log_servers(settings, folder, size=setup.servers, copies=setup.copies) as servers:
                stage.progress.say(f"{events:,} events to {setup.title}")
                measured: dict[str, Any] = setup._asdict()
                measured |= await _acknowledged(stage, servers.settings, events)
                measured |= await _live(stage, servers.settings, Pulse(rate, seconds))
                measured["outages"] = await measure_outages(stage, servers, kills) if setup.copies > 1 else []
                found.append(measured)
    options = f"--events {events} --rate {rate:g} --seconds {seconds:g} --kills {kills}"
    return _report(f"bench cluster {options}", found)


async def _acknowledged(stage: Stage, settings: Settings, events: int) -> dict[str, Any]:
    """At full speed, then one by one."""
    traffic = Traffic(users=stage.plan.users, days=stage.plan.days)
    many, few = list(islice(traffic, events)), list(islice(traffic, max(events // ONE_BY_ONE, 1)))
    took = []
    async with appending(settings) as appender:
        began = time.monotonic()
        batches = (many[at : at + BATCH] for at in range(0, events, BATCH))
        await asyncio.gather(*(_append_each(appender, batches) for _ in range(SENDERS)))
        seconds = time.monotonic() - began
        for message in few:
            began = time.monotonic()
            await append(appender, [message])
            took.append(time.monotonic() - began)
    return {
        "events": events,
        "events_one_by_one": len(few),
        "acknowledged_per_second": events / seconds,
        "alone_p50": percentile(took, 50),
        "alone_p99": percentile(took, 99),
    }


async def _append_each(appender: Appender, batches: Iterator[list[Message]]) -> None:
    for batch in batches:
        await append(appender, batch)


async def _live(stage: Stage, settings: Settings, pulse: Pulse) -> dict[str, Any]:
    """From publish to frame, for one client."""
    stage.progress.say(f"{pulse.rate:,.0f} events/s to a client of /ws")
    async with serving_queries(stage, settings) as service:
        expected = max(round(pulse.rate * pulse.seconds), 1)
        watch = Watch(service.socket(**{"from": "latest"}), 1, service.program.pid, timed=True, events=expected)
        async with watching(stage, settings, watch) as watchers:
            pulsed = await publish(stage, settings, pulse)
            watched = await watchers.stop(GRACE["Tailrace"])
    if watched.events != pulsed.published or watched.latency is None:
        raise TailraceError(f"a client of /ws got {watched.events:,} of {pulsed.published:,} events")
    return {
        "published": pulsed.published,
        "published_per_second": pulsed.per_second,
        "frame_p50": watched.latency.p50,
        "frame_p99": watched.latency.p99,
    }


def _report(command: str, found: list[dict[str, Any]]) -> Report:
    plain, copied = found[0], found[-1]
    outages = copied["outages"]
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("at full speed: acknowledged events/s", "acknowledged_per_second", number),
        ("one by one: p50, ms", "alone_p50", milliseconds),
        ("one by one: p99, ms", "alone_p99", milliseconds),
        ("live: published, events/s", "published_per_second", number),
        ("live: publish to frame p50, ms", "frame_p50", milliseconds),
        ("live: publish to frame p99, ms", "frame_p99", milliseconds),
    ]
    ratios = {key: ratio(copied[key], plain[key]) for _, key, _ in shown}
    rows = [[title, *(show(one[key]) for one in found), times(ratios[key])] for title, key, show in shown]
    blank = [""] * (len(found) - 1)
    for title, pick in (("median", median), ("longest", max)):
        rows.append([f"leader killed: without an acknowledgement, {title}, s", *blank, times(pick(outages)), ""])
    return Report(
        "cluster",
        command,
        "Cluster",
        f"What the log takes and how fast, on one server and on three that are a cluster, all on this machine: "
        f"{plain['events']:,} events at full speed, {SENDERS} batches of {BATCH:,} on their way at once; "
        f"{plain['events_one_by_one']:,} one by one, each behind the acknowledgement of the one before; "
        f"{plain['published']:,} from publish to the `/ws` frame of one client. Three copies are acknowledged when two "
        "servers have them, and cost three times the work, which three machines would share. The server that leads the "
        f"log is killed {len(outages)} times (kill -9) while a command service gets 20 events a second: counted is the "
        "longest time without an answer 202. Who sends again loses nothing (`tests/acceptance/test_cluster.py`).",
        table(["", *(Setup(one["servers"], one["copies"]).title for one in found), "3 copies / 1 server"], rows),
        {"measured": found, "ratios": ratios},
    )
