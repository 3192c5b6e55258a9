"""``just bench projection``: the projector beside a FastStream subscriber, on the same log and server."""

import sys
from contextlib import suppress
from typing import NamedTuple

from contracts.errors import TailraceError
from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError
from runtime.postgres import connect
from runtime.settings import Settings
from tools.benchmarks import faststream_peer
from tools.benchmarks.log_servers import running_log_servers
from tools.benchmarks.pace import follow, watched
from tools.benchmarks.report import Report, number, ratio, table, times
from tools.benchmarks.stage import Stage
from tools.benchmarks.traffic import LATE_EVERY, Traffic, appending, fill

PEER = (sys.executable, "-m", faststream_peer.__name__)
ORDERS = ("as they happened", "scattered")
"""How a log's events follow each other."""


class Runs(NamedTuple):
    """Entries a second and peak memory (bytes) of each run of one projector."""

    title: str
    does: str
    order: str
    per_second: list[float]
    peak_memory: list[int]

    @property
    def best(self) -> float:
        """Of all runs."""
        return max(self.per_second)


class Log(NamedTuple):
    """What is read, up to which sequence."""

    url: str
    client: LogClient
    to: int


async def bench_projection(stage: Stage, *, runs: int, entries: int | None = None) -> Report:
    """Has both work on a log in turn, ``runs`` times each, always into a fresh database.

    First on the first ``entries`` (all) of the stage's log, then on one of the same size whose events are scattered.
    """
    entries = entries or stage.entries
    # not to the very end: the last batch is smaller, and a batch subscriber waits for it to fill
    to = entries * 9 // 10
    log = Log(stage.settings.nats_url, stage.log, to)
    found = await _race(stage, log, ORDERS[0], runs)
    async with running_log_servers(stage.settings, stage.folder / "scattered", size=1, copies=1) as servers:
        stage.progress.say(f"filling a log with {entries:,} scattered entries")
        async with appending(servers.settings) as appender:
            traffic = Traffic(users=stage.plan.users, days=stage.plan.days)
            await fill(appender, traffic, entries, stage.progress)
        found += await _race(stage, Log(servers.settings.nats_url, servers.log, to), ORDERS[1], runs)
    return _report(stage, found, entries, runs)


async def _race(stage: Stage, log: Log, order: str, runs: int) -> list[Runs]:
    ours = Runs("tailrace serve projection", "each id once; counts and users kept; bad events parked", order, [], [])
    peer = Runs("FastStream batch subscriber", "rows alone, at least once; a bad event stops its batch", order, [], [])
    for run in range(runs):
        stage.progress.say(f"events {order}, run {run + 1} of {runs}: the projector, then FastStream")
        await _project(stage, log, ours)
        await _subscribe(stage, log, peer)
    return [ours, peer]


async def _project(stage: Stage, log: Log, runs: Runs) -> None:
    async with stage.database() as settings, watched(settings) as where:
        settings = settings.model_copy(update={"nats_url": log.url})
        async with stage.running(settings, "serve", "projection") as projector:
            pace = await follow(stage, projector, where, log.to, what="projected")
    runs.per_second.append(pace.per_second)
    runs.peak_memory.append(projector.peak_memory)


async def _subscribe(stage: Stage, log: Log, runs: Runs) -> None:
    consumer = f"{LOG_STREAM}.{faststream_peer.DURABLE}"

    async def acknowledged() -> int:
        try:
            info = await log.client.api(f"CONSUMER.INFO.{consumer}")
        except JetStreamApiError:
            return 0  # it is not made yet
        return int(info["ack_floor"]["stream_seq"])

    async with stage.database() as settings:
        settings = settings.model_copy(update={"nats_url": log.url})
        try:
            async with stage.running(settings, program=PEER) as peer:
                pace = await follow(stage, peer, acknowledged, log.to, what="inserted by FastStream")
        finally:
            with suppress(JetStreamApiError):
                await log.client.api(f"CONSUMER.DELETE.{consumer}")
        if await _rows(settings) < log.to:
            raise TailraceError("the FastStream subscriber acknowledged entries that it did not insert")
    runs.per_second.append(pace.per_second)
    runs.peak_memory.append(peer.peak_memory)


async def _rows(settings: Settings) -> int:
    connection = await connect(settings.dsn, name="bench")
    try:
        rows: int = await connection.fetchval("select count(*) from analytics_events")
    finally:
        await connection.close()
    return rows


def _report(stage: Stage, found: list[Runs], entries: int, runs: int) -> Report:
    ratios = {ours.order: ratio(ours.best, peer.best) for ours, peer in zip(found[::2], found[1::2], strict=True)}
    rows = [
        [one.order, one.title, number(one.best), times(value), one.does]
        for one, value in zip(found, (value for pair in ratios.values() for value in (pair, 1.0)), strict=True)
    ]
    return Report(
        "projection",
        f"bench projection {stage.plan._replace(entries=entries).options} --runs {runs}",
        "Projection",
        f"The first {entries * 9 // 10:,} log entries into a fresh database each time, from the first batch on, in "
        f"turn, the best of {runs}. The events of one log follow each other through {stage.plan.days} days as they "
        f"happened, one in {LATE_EVERY} late; those of the other are scattered over these days, so that nearly each is "
        "the only one of its minute, type and user: the worst that can come. Both insert into the same table, in "
        "batches of the same size; they don't promise the same.",
        table(["events", "", "log entries/s", "by FastStream's", "does"], rows, text=(0, 1, 4)),
        {
            "entries": entries * 9 // 10,
            "ratios": ratios,
            "projectors": [{**one._asdict(), "best_per_second": one.best} for one in found],
        },
    )
