"""``tailrace bench projection``: the projector beside a FastStream subscriber, on the same log and server."""

import sys
from contextlib import suppress
from typing import NamedTuple

from tailrace.contracts.errors import TailraceError
from tailrace.contracts.subjects import LOG_STREAM
from tailrace.ops.benchmarks import faststream_peer
from tailrace.ops.benchmarks.pace import follow, watched
from tailrace.ops.benchmarks.report import Report, number, ratio, table, times
from tailrace.ops.benchmarks.stage import Stage
from tailrace.runtime.log.client import JetStreamApiError
from tailrace.runtime.postgres import connect
from tailrace.runtime.settings import Settings

PEER = (sys.executable, "-m", faststream_peer.__name__)


class Runs(NamedTuple):
    """Entries a second and peak memory (bytes) of each run of one projector."""

    title: str
    does: str
    per_second: list[float]
    peak_memory: list[int]


async def bench_projection(stage: Stage, *, runs: int, entries: int | None = None) -> Report:
    """Has both work on the log's first ``entries`` (all) in turn, ``runs`` times each, always into a fresh database."""
    entries = entries or stage.entries
    # not to the very end: the last batch is smaller, and a batch subscriber waits for it to fill
    to = entries * 9 // 10
    ours = Runs("tailrace serve projection", "each id once; counts and users kept; bad events parked", [], [])
    peer = Runs("FastStream batch subscriber", "rows alone, at least once; a bad event stops its batch", [], [])
    for run in range(runs):
        stage.progress.say(f"run {run + 1} of {runs}: the projector, then FastStream")
        await _project(stage, ours, to)
        await _subscribe(stage, peer, to)
    best, best_of_peer = max(ours.per_second), max(peer.per_second)
    rows = [
        [one.title, number(max(one.per_second)), times(ratio(max(one.per_second), best_of_peer)), one.does]
        for one in (ours, peer)
    ]
    return Report(
        "projection",
        f"bench projection {stage.plan._replace(entries=entries).options} --runs {runs}",
        "Projection",
        f"The first {to:,} log entries into a fresh database each time, from the first batch on, in turn, the best of "
        f"{runs}. Both insert into the same table, in batches of the same size; they don't promise the "
        "same.",
        table(["", "log entries/s", "by FastStream's", "does"], rows, text=(0, 3)),
        {
            "entries": to,
            "ratio": ratio(best, best_of_peer),
            "projectors": [{**one._asdict(), "best_per_second": max(one.per_second)} for one in (ours, peer)],
        },
    )


async def _project(stage: Stage, runs: Runs, to: int) -> None:
    async with (
        stage.database() as settings,
        watched(settings) as where,
        stage.running(settings, "serve", "projection") as projector,
    ):
        pace = await follow(stage, projector, where, to, what="projected")
    runs.per_second.append(pace.per_second)
    runs.peak_memory.append(projector.peak_memory)


async def _subscribe(stage: Stage, runs: Runs, to: int) -> None:
    consumer = f"{LOG_STREAM}.{faststream_peer.DURABLE}"

    async def acknowledged() -> int:
        try:
            info = await stage.log.api(f"CONSUMER.INFO.{consumer}")
        except JetStreamApiError:
            return 0  # it is not made yet
        return int(info["ack_floor"]["stream_seq"])

    async with stage.database() as settings:
        try:
            async with stage.running(settings, program=PEER) as peer:
                pace = await follow(stage, peer, acknowledged, to, what="inserted by FastStream")
        finally:
            with suppress(JetStreamApiError):
                await stage.log.api(f"CONSUMER.DELETE.{consumer}")
        if await _rows(settings) < to:
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
