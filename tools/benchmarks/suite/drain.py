"""The projector catches up on a log of events in order, and on one of scattered events of scattered users.

FastStream and Telegraf insert the same events into one table with a unique key; `COPY` inserts them without any. They
keep no counts, users or position, and a bad event stops them. Telegraf is measured if it or Go is installed.
"""

from tools.benchmarks.bench import SIZE, Bench, execute
from tools.benchmarks.peers.sink import drain_copy, drain_faststream, drain_telegraf
from tools.benchmarks.process import Row
from tools.benchmarks.report import ratio


async def run(bench: Bench) -> list[Row]:
    """Measure all of them on a log of each order."""
    rows: list[Row] = []
    entries = bench.size(1_000_000, 20_000)
    for order in ("in order", "scattered"):
        log, workload = await bench.log(), {"scattered": order == "scattered"}
        target = await bench.target(log)
        await bench.fill(log, bench.workload(entries, **workload))
        bench.say(f"{order}: the projector, then its peers")
        row = await bench.drain(target, entries)
        size = await execute(target.dsn, SIZE) / entries
        await bench.verify(target)
        peers = {
            "Tailrace": row | {"bytes/event": size},
            # the last batch waits until it is full
            "FastStream": await drain_faststream(bench, log, entries * 9 // 10),
            "Telegraf": await drain_telegraf(bench, log, entries * 9 // 10),
            "COPY": await drain_copy(bench, bench.workload(min(entries, 200_000), **workload)),
        }
        measured = [{"": f"{order}: {name}"} | row for name, row in peers.items() if row is not None]
        rows += ratio(ratio(measured, f"{order}: FastStream"), f"{order}: COPY")
    return rows
