"""Opens the stage for a benchmark, or for all of them, and measures."""

from typing import Any, NamedTuple

from tailrace.ops.benchmarks.contention import bench_contention
from tailrace.ops.benchmarks.machine import describe_machine
from tailrace.ops.benchmarks.plan import Plan
from tailrace.ops.benchmarks.progress import Progress
from tailrace.ops.benchmarks.projection import bench_projection
from tailrace.ops.benchmarks.questions import bench_questions
from tailrace.ops.benchmarks.replay import bench_replay, replay_all
from tailrace.ops.benchmarks.report import Report
from tailrace.ops.benchmarks.stage import open_stage


class Measured(NamedTuple):
    """What was measured on what."""

    machine: dict[str, Any]
    reports: list[Report]


async def measure_replay(plan: Plan, *, kills: int) -> Measured:
    """``tailrace bench replay``."""
    async with open_stage(plan, Progress()) as stage:
        return Measured(describe_machine(stage.servers, stage.settings), [await bench_replay(stage, kills=kills)])


async def measure_contention(plan: Plan, *, seconds: float) -> Measured:
    """``tailrace bench contention``."""
    async with open_stage(plan, Progress()) as stage:
        return Measured(
            describe_machine(stage.servers, stage.settings), [await bench_contention(stage, seconds=seconds)]
        )


async def measure_projection(plan: Plan, *, runs: int) -> Measured:
    """``tailrace bench projection``."""
    async with open_stage(plan, Progress()) as stage:
        report = await bench_projection(stage, entries=stage.entries, runs=runs)
        return Measured(describe_machine(stage.servers, stage.settings), [report])


async def measure_questions(plan: Plan) -> Measured:
    """``tailrace bench questions``."""
    async with open_stage(plan, Progress()) as stage, stage.database() as settings:
        await replay_all(stage, settings)
        return Measured(describe_machine(stage.servers, stage.settings), [await bench_questions(stage, settings)])


async def measure_all(plan: Plan, *, kills: int, runs: int, seconds: float) -> Measured:
    """``tailrace bench all``: the projection on a tenth of the log, contention on one of a fifth of its length."""
    progress = Progress()
    async with open_stage(plan, progress) as stage:
        async with stage.database() as settings:
            reports = [await bench_replay(stage, kills=kills, target=settings)]
            reports.append(await bench_questions(stage, settings))
        reports.append(await bench_projection(stage, entries=stage.entries // 10, runs=runs))
        machine = describe_machine(stage.servers, stage.settings)
    async with open_stage(plan._replace(entries=plan.entries // 5), progress) as stage:
        reports.append(await bench_contention(stage, seconds=seconds))
    return Measured(machine, reports)
