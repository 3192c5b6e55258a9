"""Your own projections: a replay of one of each kind, beside the built-in model's; then 20 rollups in one process.

The rollup counts paths with their users per day; the fold and the SQL statement have a row per user. Each replay has
the same log. The 20 rollups are built first, each with a reader of its own; measured is how they then follow the log
together, with one reader, over as many entries that came while their process was stopped.
"""

from functools import partial

import asyncpg

from tools.benchmarks.bench import Bench, Target
from tools.benchmarks.process import Process, Row
from tools.benchmarks.report import ratio

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
    rows.append({"": f"{ROLLUPS} rollups, together"} | await _together(bench, bench.size(100_000, 10_000)))
    return ratio(rows, "built-in model, replay")


async def _together(bench: Bench, entries: int) -> Row:
    bench.say(f"{ROLLUPS} rollups")
    log = await bench.log()
    target = await bench.target(log)
    folder = bench.folder / "many"
    folder.mkdir()
    (folder / "declared.py").write_text("".join(ROLLUP.format(name=f"Many{number}") for number in range(ROLLUPS)))
    declared = {"TAILRACE_PROJECTIONS": str(folder), "TAILRACE_REPLAY_SHARE": "1"}
    row: Row = {}
    for end in (entries, 2 * entries):
        await bench.fill(log, bench.workload(entries, seed=end))
        await bench.drain(target, end)
        worker = await bench.tailrace(target, "serve", "projections", **declared)
        row = await _follow(bench, target, worker, end, "many%")
        await worker.stop()
    return row


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
