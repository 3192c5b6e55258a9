"""Asking /stats, and what it has to answer, counted one by one."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from dirty_equals import IsPartialDict

from query.conftest import QueryService
from support.events import TYPES
from tailrace.contracts.events import Event


async def ask(query: QueryService, **question: Any) -> dict[str, Any]:
    answer = await query.http.get("/stats", params=question)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wire(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def floor(moment: datetime, bucket: str) -> datetime:
    moment = moment.replace(second=0, microsecond=0)
    if bucket != "minute":
        moment = moment.replace(minute=0)
    if bucket in ("day", "month"):
        moment = moment.replace(hour=0)
    return moment.replace(day=1) if bucket == "month" else moment


def recount(events: Iterable[Event], bucket: str) -> dict[str, Any]:
    """Totals, types and series, counted one by one."""
    users: dict[str, set[int]] = {"": set()}
    numbers: dict[str, int] = {"": 0}
    series: dict[tuple[datetime, str], int] = {}
    for one in events:
        for scope in ("", one.event_type):
            users.setdefault(scope, set()).add(one.user_id)
            numbers[scope] = numbers.get(scope, 0) + 1
        point = floor(one.created_at, bucket), one.event_type
        series[point] = series.get(point, 0) + 1
    return {
        "totals": {"events": numbers.pop(""), "users": len(users.pop(""))},
        "by_type": [
            {"event_type": kind, "events": numbers[kind], "users": len(users[kind])} for kind in sorted(numbers)
        ],
        "series": [
            {"bucket": wire(at), "event_type": kind, "events": count} for (at, kind), count in sorted(series.items())
        ],
    }


async def check_questions(
    query: QueryService, events: Sequence[Event], edges: Sequence[datetime], chance: random.Random, *, count: int
) -> None:
    """Asks for ranges between ``edges``, with every bucket and filter, and compares with a naive count."""
    answered = 0
    for number in range(count):
        start, end = sorted((chance.choice(edges), chance.choice(edges)))
        question: dict[str, Any] = {"bucket": chance.choice(("minute", "hour", "day", "month", "auto"))}
        if number % 4 != 1:
            question["from"] = wire(start)
        if number % 4 != 2 and start < end:
            question["to"] = wire(end)
        types = chance.sample(TYPES, number % 3)
        if types:
            question["event_type"] = types
        found = await query.http.get("/stats", params=question)
        if found.status_code == 422 and "buckets" in found.json()["detail"]:
            continue  # too long a range for that bucket
        assert found.status_code == 200, found.text
        answer = found.json()
        wanted = [
            one
            for one in events
            if ("from" not in question or one.created_at >= start)
            and ("to" not in question or one.created_at < end)
            and (not types or one.event_type in types)
        ]
        assert answer == IsPartialDict(recount(wanted, answer["bucket"])), question
        assert question["bucket"] in ("auto", answer["bucket"])
        assert (answer["from"], answer["to"]) == (question.get("from"), question.get("to"))
        answered += 1
    assert answered > count / 2
