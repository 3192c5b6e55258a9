"""Opens the stage for a benchmark, or for all of them, and measures."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from tools.benchmarks.catchup import bench_catchup
from tools.benchmarks.clients import bench_clients
from tools.benchmarks.cluster import bench_cluster
from tools.benchmarks.contention import bench_contention
from tools.benchmarks.fanout import bench_fanout
from tools.benchmarks.growth import bench_growth
from tools.benchmarks.latency import bench_live
from tools.benchmarks.machine import describe_machine
from tools.benchmarks.plan import Plan, Sizes
from tools.benchmarks.progress import Progress
from tools.benchmarks.projection import bench_projection
from tools.benchmarks.questions import bench_questions
from tools.benchmarks.replay import bench_replay
from tools.benchmarks.report import Report
from tools.benchmarks.stage import Stage, open_stage


class Measured(NamedTuple):
    """What was measured on what."""

    machine: dict[str, Any]
    reports: list[Report]


async def measure(plan: Plan, bench: Callable[[Stage], Awaitable[Report]]) -> Measured:
    """One benchmark, on a stage of its own."""
    async with open_stage(plan, Progress()) as stage:
        report = await bench(stage)
        return Measured(describe_machine(stage.servers, stage.settings), [report])


async def measure_all(plan: Plan, sizes: Sizes) -> Measured:
    """``just bench all``: the projection on a tenth of the log, contention on one of a fifth of its length."""
    progress = Progress()
    async with open_stage(plan, progress) as stage:
        async with stage.database() as settings:
            reports = [await bench_replay(stage, kills=sizes.kills, target=settings)]
            reports.append(await bench_questions(stage, settings))
        reports.append(await bench_projection(stage, entries=stage.entries // 10, runs=sizes.runs))
        reports.append(await bench_catchup(stage))
        machine = describe_machine(stage.servers, stage.settings)
    async with open_stage(plan._replace(entries=plan.entries // 5), progress) as stage:
        reports.append(await bench_contention(stage, seconds=sizes.seconds))
        reports.append(await bench_growth(stage, sizes=sizes.models, asks=sizes.asks))
        reports.append(await bench_live(stage, rate=sizes.rate, clients=sizes.clients, seconds=sizes.seconds))
        reports.append(await bench_fanout(stage, events=sizes.fanned_out, clients=sizes.clients))
        reports.append(await bench_clients(stage, idle=sizes.idle, slow=sizes.slow, volume=sizes.volume))
        cluster = partial(bench_cluster, rate=sizes.rate, seconds=sizes.seconds, kills=sizes.leaders)
        reports.append(await cluster(stage, events=sizes.replicated))
    return Measured(machine, reports)
