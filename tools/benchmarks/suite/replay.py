"""A replay of the whole log at full speed into a fresh database, and `tailrace verify` of what it made.

The live projector catches up on the same log. nats-py reads it and does nothing with what it reads. `--against COMMIT`
measures the replay of another version of the program in the same run.
"""

from tools.benchmarks.bench import Bench
from tools.benchmarks.process import Row
from tools.benchmarks.report import ratio


async def run(bench: Bench) -> list[Row]:
    """Measure the projector, the replays and the verification."""
    entries, log = bench.size(1_000_000, 20_000), await bench.log()
    target, into = [await bench.target(log) for _ in range(2)]
    await bench.fill(log, bench.workload(entries))
    bench.say("the projector, then the replay")
    rows: list[Row] = [{"": "projector"} | await bench.drain(target, entries)]
    replay = ("replay", "--share", "1", "--into")
    rows.append({"": "replay"} | await bench.drain(into, entries, *replay, into.dsn))
    if bench.options.against:
        bench.say(f"the replay of {bench.options.against}")
        program = await bench.checkout()
        # a log of its own: streams may have changed
        other = await bench.target(await bench.log(), program)
        await bench.fill(other.log, bench.workload(entries))
        rows.append({"": "replay before"} | await bench.drain(other, entries, *replay, other.dsn, program=program))
        ratio(rows, "replay before")
    rows.append({"": "verify"} | await bench.verify(into))
    reader = bench.module("suite.catchup", log.url, "fetch", entries)
    rows.append({"": "nats-py, fetch"} | await bench.timed(reader, entries))
    return ratio(rows, "projector")
