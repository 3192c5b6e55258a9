"""``just bench growth``: how much longer ``/stats`` takes when there are more events in the same time."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from contracts.errors import TailraceError
from tools.benchmarks.asking import (
    QueryService,
    ask_in_turns,
    percentile,
    serving_queries,
    wire,
)
from tools.benchmarks.filling import Contents, fill_model, say_projected
from tools.benchmarks.report import Report, milliseconds, number, ratio, table, times
from tools.benchmarks.stage import Stage

AT_MOST = 10.0
"""Seconds after which a question is not asked again, however often it was."""
TARGET = 1.5
"""From the smallest to the largest model: counts and all-time users are to take no longer than so many times."""
SPARE = 0.25
"""Seconds that a question with a budget may take however few events its range has."""
USERS = 1.5
"""Seconds for each 1,000,000 events of a range whose unique users are counted."""
PAGE = 8.0
"""The same for what the page asks: the users of two ranges, and every event's path."""
TYPE = "add_to_cart"


class Question(NamedTuple):
    """``days`` is how long its range is. What takes longer with more events has a ``budget``, in seconds for each
    1,000,000 of them.
    """

    title: str
    parameters: dict[str, str]
    days: int | None = None
    budget: float | None = None

    def allowed(self, entries: int, days: int) -> float | None:
        """The seconds that its answer may take, of a model of so many entries in so many days."""
        if self.budget is None or self.days is None:
            return None
        return SPARE + self.budget * entries / 1e6 * self.days / days


class Size(NamedTuple):
    """A read model of so many log entries, and who answers from it."""

    entries: int
    service: QueryService


async def bench_growth(stage: Stage, *, sizes: list[int], asks: int) -> Report:
    """Asks the same of read models of different sizes, question by question, in turns, each up to ``asks`` times.

    Raises:
        TailraceError: the log of the stage is empty, or a service doesn't answer as it should.
    """
    sizes = sorted(set(sizes))
    end = datetime.now(UTC)
    state = await stage.log.state()
    last = await stage.log.get(state.last_seq)
    if last is None:
        raise TailraceError("the log has no entry that a read model could be at")
    async with AsyncExitStack() as opened:
        services = []
        for entries in sizes:
            settings = await opened.enter_async_context(stage.database())
            stage.progress.say(f"filling a read model of {entries:,} log entries")
            contents = Contents(entries, stage.plan.users, stage.plan.days, end)
            await fill_model(settings, contents, stage.progress)
            await say_projected(settings, last, state.epoch)
            services.append(Size(entries, await opened.enter_async_context(serving_queries(stage, settings))))
        found = []
        for question in questions(end, stage.plan.days):
            stage.progress.say(f"asking: {question.title}")
            found.append(await _ask(question, services, asks, stage.plan.days))
    return _report(stage, sizes, asks, found)


def questions(end: datetime, days: int) -> list[Question]:
    """What is asked of events that end at ``end``."""
    day = {"from": wire(end - timedelta(days=1)), "to": wire(end), "bucket": "hour"}
    all_days = {"from": wire(end - timedelta(days=days)), "to": wire(end), "bucket": "day"}
    no_users = {"users": "false"}
    page = {"top": "event_data.path", "top_limit": "8", "compare": "previous", "bucket": "auto"}
    return [
        Question("all time", {}),
        Question("all time, one event type", {"event_type": TYPE}),
        Question("the last 24 hours, by hour", {**day, **no_users}),
        Question(f"{days} days, by day", {**all_days, **no_users}),
        Question("unique users of the last 24 hours, by hour", day, 1, USERS),
        Question(f"unique users of {days} days, by day", all_days, days, USERS),
        Question("what the page asks: 24 hours", {**day, **page}, 1, PAGE),
        Question(f"what the page asks: {days} days", {**all_days, **page}, days, PAGE),
    ]


async def _ask(question: Question, sizes: list[Size], asks: int, days: int) -> dict[str, Any]:
    took = await ask_in_turns([size.service for size in sizes], question.parameters, times=asks, at_most=AT_MOST)
    asked: list[dict[str, Any]] = []
    for size, seconds in zip(sizes, took, strict=True):
        p50, p99 = (percentile(seconds, percent) if seconds else None for percent in (50, 99))
        allowed = question.allowed(size.entries, days)
        kept = None if allowed is None else p50 is not None and p50 <= allowed
        asked.append(
            {"entries": size.entries, "asked": len(seconds), "p50": p50, "p99": p99, "allowed": allowed, "kept": kept}
        )
    growth = {
        key: ratio(asked[-1][key], asked[0][key]) if asked[-1][key] and asked[0][key] else None
        for key in ("p50", "p99")
    }
    return {**question._asdict(), "sizes": asked, "growth": growth}


def _report(stage: Stage, sizes: list[int], asks: int, found: list[dict[str, Any]]) -> Report:
    late = f"over {stage.settings.stats_timeout:g} s"
    head = ["p50 / p99, ms (asked)", *(f"{entries:,}" for entries in sizes), "growth of p50", "growth of p99"]
    rows = [
        [
            one["title"],
            *(
                late
                if size["p50"] is None
                else f"{milliseconds(size['p50'])} / {milliseconds(size['p99'])} ({number(size['asked'])})"
                for size in one["sizes"]
            ),
            times(one["growth"]["p50"]),
            times(one["growth"]["p99"]),
        ]
        for one in found
    ]
    worst = max((one["growth"]["p50"] or 0 for one in found if one["budget"] is None), default=0)
    shown = ", ".join(f"{entries:,}" for entries in sizes)
    options = " ".join(f"--size {entries}" for entries in sizes)
    return Report(
        "growth",
        f"bench growth {options} --users {stage.plan.users} --days {stage.plan.days} --asks {asks}",
        "Growth",
        _explanation(stage, shown, worst, found),
        table(head, rows),
        {"users": stage.plan.users, "days": stage.plan.days, "worst_growth": worst, "questions": found},
    )


def _explanation(stage: Stage, shown: str, worst: float, found: list[dict[str, Any]]) -> str:
    return (
        f"`GET /stats` on read models of {shown} log entries, each scattered over the same {stage.plan.days} days and "
        f"{stage.plan.users:,} users; one question after the other, over HTTP, the models in turns, each for "
        f"{AT_MOST:g} s at most and once at least. Event counts and all-time users are to take "
        f"at most {TARGET:g} times as long on the largest as on the smallest (p50); the worst of them takes "
        f"{worst:.2f} times. Unique users of a range are exact, counted from who was there in each hour, so they take "
        "longer with more events. So does what the page asks, which has them, those of the period before, and the most "
        "frequent paths, which are counted from the events themselves. The other questions of a range leave users out "
        f"(`users=false`). What takes longer has a budget (p50): {SPARE:g} s, and for each 1,000,000 events of the "
        f"range {USERS:g} s for users and {PAGE:g} s for the page; it is {_kept(found)}. Projecting so much would take "
        "hours, so SQL writes the tables: rows as from a log, in its order, and everything else from the rows; then "
        "they are vacuumed. A test holds that the projector makes the same tables of the same events."
    )


def _kept(found: list[dict[str, Any]]) -> str:
    broken = [
        f"{one['title']} of {size['entries']:,} log entries, which may take {size['allowed']:.1f} s"
        for one in found
        for size in one["sizes"]
        if size["kept"] is False
    ]
    return f"not kept by {'; '.join(broken)}" if broken else "kept by all of them"
