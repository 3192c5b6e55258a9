"""One client of `/ws` receives the whole log, then one event type. nats-py reads the log and does nothing with it.

The client is a process of its own. `--against COMMIT` measures another version of the service in the same run.
"""

import asyncio
import sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from contracts.subjects import EVENTS
from tools.benchmarks.bench import TAILRACE, Bench, Target
from tools.benchmarks.process import Meter, Row
from tools.benchmarks.report import ratio
from tools.benchmarks.sockets import clients, received


async def run(bench: Bench) -> list[Row]:
    """Measure the service and nats-py's two ways to read."""
    entries, log = bench.size(1_000_000, 20_000), await bench.log()
    target = await bench.target(log)
    await bench.fill(log, bench.workload(entries))
    rows = [{"": "everything"} | await catch_up(bench, target, entries, TAILRACE)]
    rows.append({"": "the type order"} | await catch_up(bench, target, entries, TAILRACE, event_type="order"))
    if bench.options.against:
        program = await bench.checkout()
        # a log of its own: streams may have changed
        before = await bench.target(await bench.log(), program)
        await bench.fill(before.log, bench.workload(entries))
        rows.append({"": "everything before"} | await catch_up(bench, before, entries, program))
        ratio(rows, "everything before")
    for way in ("ordered", "fetch"):
        bench.say(f"nats-py, {way}")
        reader = bench.module("suite.catchup", log.url, way, entries)
        rows.append({"": f"nats-py, {way}"} | await bench.timed(reader, entries))
    return ratio(rows, "nats-py, ordered")


async def catch_up(bench: Bench, target: Target, entries: int, program: tuple[str, ...], **filters: str) -> Row:
    """Measure a client that receives everything, or what filters select; rates are of log entries."""
    bench.say(f"/ws {filters or ''}")
    service = await bench.tailrace(target, "serve", "query", program=program)
    meter = Meter(process=service.pid, NATS=target.log.pid)
    found = await received(await clients(bench, target.socket("earliest", **filters)), 600)
    row = meter.row(entries) | {"events/s": entries / found["seconds"]}
    await service.stop()
    if not filters and found["events"] != entries:
        raise AssertionError(f"a client received {found['events']:,} of {entries:,} events")
    return row


async def _read(url: str, way: str, entries: int) -> None:
    connection = await nats.connect(url)
    stream = connection.jetstream()
    if way == "ordered":
        ordered = await stream.subscribe(EVENTS, ordered_consumer=True)
        for _ in range(entries):
            await ordered.next_msg(timeout=30)
    else:
        pull = await stream.pull_subscribe(EVENTS, config=ConsumerConfig(ack_policy=AckPolicy.NONE))
        while entries > 0:
            entries -= len(await pull.fetch(min(entries, 1_000), timeout=30))
    await connection.close()


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], sys.argv[2], int(sys.argv[3])))
