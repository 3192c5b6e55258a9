"""``just bench catchup``: one client of ``/ws`` over the whole log, beside plain reading with nats-py."""

import json
from typing import Any, Literal

from contracts.errors import TailraceError
from contracts.subjects import EVENTS, LOG_STREAM, subject_of
from runtime.settings import Settings
from tools.benchmarks.asking import QueryService, serving_queries
from tools.benchmarks.report import Report, number, ratio, table, times
from tools.benchmarks.stage import Stage
from tools.benchmarks.watching.messages import Read, Reading, Watch
from tools.benchmarks.watching.running import found, running, watching

RARE = "order"
"""An event type that one event in forty is of."""
USER = "7"

Way = Literal["ordered", "fetch"]


async def bench_catchup(stage: Stage) -> Report:
    """Reads the log from its first entry on, in turn by ``/ws`` (everything, one type, one user) and by nats-py."""
    async with stage.database() as settings, serving_queries(stage, settings) as service:
        entries, rare = await _count(stage, EVENTS), await _count(stage, subject_of(RARE))
        everything = await _catch_up(stage, settings, service, "everything", {}, entries)
        ordered = await _read(stage, settings, "ordered", entries)
        measured = [
            everything,
            await _catch_up(stage, settings, service, f"the type {RARE} alone", {"event_type": RARE}, rare),
            await _catch_up(stage, settings, service, "one user alone", {"user_id": USER}, None),
            ordered,
            await _read(stage, settings, "fetch", entries),
        ]
    for one in measured:
        one["entries_per_second"] = entries / one["seconds"]
        one["ratio"] = ratio(ordered["seconds"], one["seconds"])
    return _report(f"bench catchup {stage.plan.options}", entries, measured)


async def _count(stage: Stage, subjects: str) -> int:
    """How many entries the log has under some subjects."""
    info = await stage.log.stream_info(LOG_STREAM, {"subjects_filter": subjects})
    return sum(info["state"].get("subjects", {}).values())


async def _catch_up(
    stage: Stage, settings: Settings, service: QueryService, what: str, asked: dict[str, str], expected: int | None
) -> dict[str, Any]:
    """Has a client read from the beginning until it has caught up.

    Raises:
        TailraceError: it gets more or fewer than the ``expected`` events.
    """
    stage.progress.say(f"/ws, {what}")
    earliest = json.dumps({"kind": "seek", "from": "earliest"})
    watch = Watch(service.socket(**{"from": "latest"}, **asked), 1, service.program.pid, say=earliest)
    async with watching(stage, settings, watch) as watchers:
        watched = await watchers.until_enough(stage.patience)
    if expected is not None and watched.events != expected:
        raise TailraceError(f"a client of /ws got {watched.events:,} of {expected:,} events ({what})")
    return {
        "reader": "one client of `/ws`",
        "what": what,
        "events": watched.events,
        "bytes": watched.bytes,
        "seconds": watched.seconds,
        "reader_cpu": watched.service_cpu / watched.seconds,
        "client_cpu": watched.cpu / watched.seconds,
    }


async def _read(stage: Stage, settings: Settings, way: Way, entries: int) -> dict[str, Any]:
    stage.progress.say(f"nats-py, {way}")
    async with running(stage, settings, "plain_reader", Reading(way, entries), "nats-py") as program:
        await program.wait(stage.patience)
        read = found(program, Read)
    return {
        "reader": "nats-py, ordered consumer" if way == "ordered" else "nats-py, fetch",
        "what": "everything",
        "events": read.messages,
        "bytes": read.bytes,
        "seconds": read.seconds,
        "reader_cpu": read.cpu / read.seconds,
        "client_cpu": None,
    }


def _report(command: str, entries: int, measured: list[dict[str, Any]]) -> Report:
    rows = [
        [
            one["reader"],
            one["what"],
            number(one["events"]),
            f"{one['seconds']:,.1f}",
            number(one["entries_per_second"]),
            times(one["ratio"]),
            times(one["reader_cpu"]),
        ]
        for one in measured
    ]
    return Report(
        "catchup",
        command,
        "Catching up",
        f"One reader from the first to the last of {entries:,} log entries, in turn. A client of `/ws` asks for them "
        "over an open connection and has them as JSON, in another process than the service, which reads and sends; "
        "nats-py reads the same stream into its own process and does nothing with what it reads. What is not of the "
        "type is passed over by the log's server, what is not of the user by the service. The CPU time is of the "
        "process that reads the log.",
        table(
            ["", "reads", "events", "seconds", "log entries/s", "by the ordered consumer's", "CPU, cores"],
            rows,
            text=(0, 1),
        ),
        {"entries": entries, "measured": measured},
    )
