"""Asking /stats, and what it has to answer, counted one by one."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from query.conftest import QueryService
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
