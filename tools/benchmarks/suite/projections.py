"""Your own projections: a replay of one of each kind beside the built-in model's, then 20 rollups in one process.

The rollup counts paths with their users per day; the fold and the SQL statement have a row per user. Each replay has
the same log. The 20 rollups are built together, with one reader; then they follow the log, over as many entries that
came while their process was stopped. At last 2,000 events come per second, first without the rollups, then with them:
`lag` is what the built-in model lacks, `rollups lag` what the last of the 20 lacks, as time at this rate.
"""

import asyncio
from functools import partial

import asyncpg

from contracts.subjects import LOG_STREAM
from tools.benchmarks.bench import POSITION, Bench, Target, connected
from tools.benchmarks.process import POLL, Meter, Process, Row
from tools.benchmarks.report import percentile, ratio

ROLLUP = """
from tailrace import Count, Rollup, Users

class {name}(Rollup):
    version = 1
    events = ["page_view"]
    by = {{"path": "event_data.path"}}
    every = ["day"]
    views, visitors = Count(), Users()
"""
FOLD = """
from datetime import datetime
from tailrace import Fold

class {name}(Fold):
    version = 1
    events = ["*"]
    key = {{"user_id": int}}
    columns = {{"events": int, "first": datetime}}
    def evolve(self, row, event):
        return {{"events": (row["events"] if row else 0) + 1, "first": row["first"] if row else event.created_at}}
"""
SQL = '''
from tailrace import Sql

class {name}(Sql):
    version = 1
    events = ["*"]
    tables = "create table latest (user_id bigint primary key, at timestamptz not null)"
    apply = """insert into latest select user_id, max(created_at) from batch where user_id is not null group by 1
               on conflict (user_id) do update set at = greatest(latest.at, excluded.at)"""
'''
KINDS = {"Rollup": ("Paths", ROLLUP), "Fold": ("Visitor", FOLD), "Sql": ("Latest", SQL)}
ROLLUPS = 20
RATE = 2_000


async def run(bench: Bench) -> list[Row]:
    """Measure the built-in model, a replay of each kind, and 20 rollups at once."""
    entries, log = bench.size(1_000_000, 20_000), await bench.log()
    target, into = [await bench.target(log) for _ in range(2)]
    await bench.fill(log, bench.workload(entries))
    bench.say("the built-in model")
    await bench.drain(target, entries)
    replay = ("replay", "--share", "1", "--into")
    rows: list[Row] = [{"": "built-in model, replay"} | await bench.drain(into, entries, *replay, into.dsn)]
    for kind, (name, text) in KINDS.items():
        bench.say(f"a {kind}")
        folder = bench.folder / kind
        folder.mkdir()
        (folder / "declared.py").write_text(text.format(name=name))
        words = ("replay", name.lower(), "--share", "1")
        process = await bench.tailrace(target, *words, TAILRACE_PROJECTIONS=str(folder))
        rows.append({"": f"{kind}, replay"} | await _follow(bench, target, process, entries, f"{name.lower()}"))
        await process.wait(60)
    ratio(rows, "built-in model, replay")
    return rows + await _together(bench, bench.size(60_000, 10_000), 2 if bench.options.quick else 30)


async def _together(bench: Bench, entries: int, seconds: int) -> list[Row]:
    bench.say(f"{ROLLUPS} rollups")
    log = await bench.log()
    target = await bench.target(log)
    folder = bench.folder / "many"
    folder.mkdir()
    (folder / "declared.py").write_text("".join(ROLLUP.format(name=f"Many{number}") for number in range(ROLLUPS)))
    declared = {"TAILRACE_PROJECTIONS": str(folder), "TAILRACE_REPLAY_SHARE": "1"}
    rows: list[Row] = []
    for number, work in enumerate(("built together", "together"), start=1):
        await bench.fill(log, bench.workload(entries, seed=number))
        await bench.drain(target, number * entries)
        worker = await bench.tailrace(target, "serve", "projections", **declared)
        row = await _follow(bench, target, worker, number * entries, "many%")
        rows.append({"": f"{ROLLUPS} rollups, {work}"} | row)
        await worker.stop()
    bench.say(f"{RATE:,} events/s")
    projector = await bench.tailrace(target, "serve", "projection")
    warm, beside = 2 * entries + 1_000, 2 * entries + 2_000 + RATE * seconds
    await bench.fill(log, bench.workload(1_000, seed=3))
    await bench.follow(target, projector, warm)
    rows.append({"": f"{RATE:,} events/s, built-in model"} | await _paced(bench, target, projector, seconds))
    worker = await bench.tailrace(target, "serve", "projections", **declared)
    await bench.fill(log, bench.workload(1_000, seed=4))
    await _follow(bench, target, worker, beside, "many%")
    row = await _paced(bench, target, worker, seconds, "many%")
    rows.append({"": f"{RATE:,} events/s, with {ROLLUPS} rollups"} | row)
    await worker.stop()
    await projector.stop()
    return rows


async def _paced(bench: Bench, target: Target, process: Process, seconds: int, names: str = "") -> Row:
    """Measure a program while events come at a fixed rate, and how far the models are behind meanwhile."""
    connection = await asyncpg.connect(target.dsn)
    lags: dict[str, list[int]] = {"lag": [], "rollups lag": []}
    async with connected(target.log) as stream:
        publisher = bench.module("workload", target.log.url, RATE, seconds)
        meter = Meter(target.postgres, process=process.pid, NATS=target.log.pid)
        while publisher.runs() and process.runs():
            positions = {"lag": await connection.fetchval(POSITION)}
            if names:
                positions["rollups lag"] = await _position(connection, names)
            end = (await stream.stream_info(LOG_STREAM)).state.messages
            for what, position in positions.items():
                lags[what].append(end - position)
            await asyncio.sleep(POLL)
    await connection.close()
    percentiles = {
        f"{what} p{percent} ms": percentile(found, percent) * 1_000 / RATE
        for what, found in lags.items()
        if found
        for percent in (50, 99)
    }
    return meter.row(RATE * seconds) | percentiles


async def _follow(bench: Bench, target: Target, process: Process, entries: int, names: str) -> Row:
    connection = await asyncpg.connect(target.dsn)
    row = await bench.follow(target, process, entries, partial(_position, connection, names))
    await connection.close()
    return row


async def _position(connection: "asyncpg.Connection", names: str) -> int:
    """Returns the position of the last of the projections whose names match; 0 until they are declared."""
    rows = await connection.fetch("select number from tailrace.projections where name like $1", names)
    positions = " union all ".join(f"select seq from projection_{number}.projection_position" for (number,) in rows)
    return int(await connection.fetchval(f"select min(seq) from ({positions}) as positions")) if rows else 0
