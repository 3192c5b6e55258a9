"""``just bench questions``: how long ``/stats`` takes over a whole log's read model."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.settings import Settings
from tools.benchmarks.asking import QueryService, ask_again_and_again, percentile, serving_queries, wire
from tools.benchmarks.replay import replay_all
from tools.benchmarks.report import Report, milliseconds, number, table
from tools.benchmarks.stage import Stage

ASKED = 100
AT_MOST = 10.0
"""Seconds after which a question is not asked again, however often it was."""


async def bench_questions(stage: Stage, settings: Settings | None = None) -> Report:
    """Asks each question again and again, one after the other, of a read model that has the whole log.

    The model is in the database of ``settings``; without, it is made first.
    """
    if settings is None:
        async with stage.database() as settings:
            await replay_all(stage, settings)
            return await bench_questions(stage, settings)
    found = []
    async with serving_queries(stage, settings) as service:
        for title, question in questions(datetime.now(UTC), stage.plan.days).items():
            stage.progress.say(f"asking: {title}")
            found.append({"question": title, "parameters": question, **await _measure(service, question)})
    rows = [
        [one["question"], number(one["asked"]), milliseconds(one["p50"]), milliseconds(one["p95"])] for one in found
    ]
    return Report(
        "questions",
        f"bench questions {stage.plan.options}",
        "Questions",
        f"`GET /stats` on the read model of {stage.entries:,} log entries of {stage.plan.users:,} users, through "
        f"{stage.plan.days} days; one question after the other, over HTTP, each asked once before it is measured. "
        "Every answer has totals, users and counts by type beside the series.",
        table(["question", "asked", "p50, ms", "p95, ms"], rows),
        {"entries": stage.entries, "questions": found},
    )


def questions(now: datetime, days: int) -> dict[str, dict[str, str]]:
    """What is asked, by its title."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    by_day = {"from": wire(today - timedelta(days=days)), "to": wire(today), "bucket": "day"}
    crooked = {
        "from": wire(now - timedelta(days=days) + timedelta(minutes=17, seconds=23)),
        "to": wire(now - timedelta(minutes=13, seconds=37)),
        "bucket": "day",
    }
    return {
        "all time": {},
        "the last 24 hours, by hour": {"from": wire(now - timedelta(hours=24)), "to": wire(now), "bucket": "hour"},
        f"{days} days, by day": by_day,
        f"{days} days from and to odd seconds, by day": crooked,
        f"one event type, {days} days, by day": {**by_day, "event_type": "add_to_cart"},
    }


async def _measure(service: QueryService, question: dict[str, str]) -> dict[str, Any]:
    took = await ask_again_and_again(service, question, times=ASKED, at_most=AT_MOST)
    return {"asked": len(took), "p50": percentile(took, 50), "p95": percentile(took, 95)}
