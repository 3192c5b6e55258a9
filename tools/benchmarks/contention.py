"""``just bench contention``: what a replay beside the live model costs the live system."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.errors import TailraceError
from runtime.settings import Settings
from tools.benchmarks.asking import serving_queries
from tools.benchmarks.live import LOOK, live
from tools.benchmarks.pace import Where, follow, watched
from tools.benchmarks.programs import Program
from tools.benchmarks.report import Report, milliseconds, number, ratio, table, times
from tools.benchmarks.stage import Stage

LOAD_SHARE = 0.5
"""Of the rate that the projector catches up with: a system that is busy, and not behind."""
BESIDE = "model_2"
"""The model that a replay makes beside the first."""

Figures = dict[str, float]


async def bench_contention(stage: Stage, *, seconds: float) -> Report:
    """Measures the live system without and with a replay at its default share, for ``seconds`` each."""
    async with (
        stage.database() as settings,
        watched(settings) as where,
        stage.running(settings, "serve", "projection") as projector,
    ):
        stage.progress.say("the live projector catches up on the log")
        alone = await follow(stage, projector, where, stage.entries, what="projected")
        rate = alone.per_second * LOAD_SHARE
        async with serving_queries(stage, settings) as service:
            stage.progress.say(f"{rate:,.0f} events/s, without a replay")
            quiet = await live(stage, settings, where, service, rate=rate, over=lambda passed: passed >= seconds)
            await _caught_up(stage, projector, where)
            async with _replaying(stage, settings) as replay:
                stage.progress.say("the same with a replay")

                def over(passed: float) -> bool:
                    return passed >= seconds or replay.returncode is not None

                busy = await live(stage, settings, where, service, rate=rate, over=over)
    async with stage.database() as settings, watched(settings) as where, _replaying(stage, settings) as replay:
        async with stage.running(settings, "serve", "projection") as projector:
            stage.progress.say("the live projector catches up on the log beside a replay")
            slowed = await follow(stage, projector, where, stage.entries, what="projected")
        throughout = replay.returncode is None
    return _report(
        stage,
        f"bench contention {stage.plan.options} --seconds {seconds:g}",
        {"catch_up_per_second": alone.per_second, **quiet.as_json()},
        {"catch_up_per_second": slowed.per_second, **busy.as_json()},
        throughout=throughout,
    )


@asynccontextmanager
async def _replaying(stage: Stage, settings: Settings) -> AsyncIterator[Program]:
    """Runs a replay beside the live model; entered once its first batch is in."""
    async with watched(settings, BESIDE) as where, stage.running(settings, "replay", "--json") as replay:
        await follow(stage, replay, where, 1, what="replayed")
        yield replay


async def _caught_up(stage: Stage, projector: Program, where: Where) -> None:
    end = (await stage.log.state()).last_seq
    deadline = time.monotonic() + stage.patience
    while await where() < end:
        projector.check()
        if time.monotonic() > deadline:
            raise TailraceError(f"the projector does not catch up to log entry {end:,}")
        await asyncio.sleep(LOOK)


def _report(stage: Stage, command: str, without: Figures, beside: Figures, *, throughout: bool) -> Report:
    ratios = {key: ratio(beside[key], without[key]) for key in without if key not in ("seconds", "asked")}
    shown = [
        ("catching up, log entries/s", "catch_up_per_second", number),
        ("live: appended, events/s", "appended_per_second", number),
        ("live: lag p95, ms", "lag_seconds_p95", milliseconds),
        ("live: longest lag, ms", "lag_seconds_max", milliseconds),
        ("live: lag p95, events", "lag_events_p95", number),
        ("live: longest lag, events", "lag_events_max", number),
        ("live: /stats p50, ms", "stats_p50", milliseconds),
        ("live: /stats p95, ms", "stats_p95", milliseconds),
    ]
    share = stage.settings.replay_share
    explanation = (
        f"`tailrace replay` at its default share ({share:g} of the time) builds a model beside the live one, from a "
        f"log of {stage.entries:,} entries. Catching up: the live projector begins with an empty model. Live: events "
        f"are appended at half the rate of catching up, for {without['seconds']:.0f} s without and "
        f"{beside['seconds']:.0f} s with a replay, while `/stats` (all time) is asked again and again."
    )
    if not throughout:
        explanation += " The replay ended before the projector had caught up: the log was too short for it."
    return Report(
        "contention",
        command,
        "Contention",
        explanation,
        table(
            ["", "without a replay", "with a replay", "with / without"],
            [[title, show(without[key]), show(beside[key]), times(ratios[key])] for title, key, show in shown],
        ),
        {
            "entries": stage.entries,
            "share": share,
            "without": without,
            "with": beside,
            "ratios": ratios,
            "replay_ran_throughout": throughout,
        },
    )
