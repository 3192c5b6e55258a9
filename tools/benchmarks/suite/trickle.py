"""Small batches: 20 events per second, each a batch of its own, and then 100,000 batches of one event.

Rows that Postgres has not vacuumed yet and the size of its catalogs are read after each quarter of the batches of one.
"""

import asyncio

from tools.benchmarks.bench import Bench, execute
from tools.benchmarks.process import Meter, Row

DEAD = "select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_all_tables"
CATALOGS = "select sum(pg_total_relation_size(oid))::float8 from pg_class where oid < 16384"


async def run(bench: Bench) -> list[Row]:
    """Measure the projector at a low rate, then with batches of one."""
    seconds, batches = (2, 400) if bench.options.quick else (30, bench.size(100_000, 0))
    log, done = await bench.log(), 1_000 + 20 * seconds
    target = await bench.target(log)
    projector = await bench.tailrace(target, "serve", "projection")
    await bench.fill(log, bench.workload(1_000))
    await bench.follow(target, projector, 1_000)
    bench.say("20 events/s")
    meter = Meter(target.postgres, process=projector.pid, NATS=log.pid)
    await bench.module("workload", log.url, 20, seconds).wait(seconds + 60)
    rows: list[Row] = [{"": "20 events/s"} | meter.row(20 * seconds)]
    await projector.stop()
    await bench.fill(log, bench.workload(batches, seed=2))
    bench.say(f"{batches:,} batches of one")
    projector = await bench.tailrace(target, "serve", "projection", TAILRACE_BATCH_SIZE="1")
    for quarter in range(1, 5):
        row = await bench.follow(target, projector, done + batches * quarter // 4)
        await asyncio.sleep(1)  # statistics are reported once a second
        row |= {"dead rows": await execute(target.dsn, DEAD), "catalogs MB": await execute(target.dsn, CATALOGS) / 1e6}
        rows.append({"": f"batches of one, quarter {quarter}"} | row)
    await bench.verify(target)
    return rows
