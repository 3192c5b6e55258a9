"""Requests to /stats, and a naive count to compare with."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dirty_equals import IsPartialDict

from contracts.events import Event
from tests.query.conftest import QueryService
from tests.support.events import TYPES

MINUTE = timedelta(minutes=1)


async def get_stats(query: QueryService, **question: Any) -> dict[str, Any]:
    answer = await query.http.get("/stats", params=question)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local_rfc3339(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat().replace("+00:00", "Z")


def floor(at: datetime, bucket: str) -> datetime:
    """Returns the start of a bucket in the time's own zone."""
    at = at.replace(second=0, microsecond=0)
    if bucket != "minute":
        at = at.replace(minute=0)
    if bucket in ("day", "week", "month"):
        at = at.replace(hour=0)
    if bucket == "week":
        return at - timedelta(days=at.weekday())
    return at.replace(day=1) if bucket == "month" else at


def local_begin(at: datetime, bucket: str, zone: str = "UTC") -> datetime:
    """Returns the start of a time's bucket (UTC), found by stepping through a zone's minutes."""
    at = floor(at, "minute")
    if bucket == "minute" or zone == "UTC":
        return floor(at, bucket)
    if bucket == "hour":
        while _hour_shown(at - MINUTE, zone) == _hour_shown(at, zone):
            at -= MINUTE
        return at
    shown = floor(at.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC), bucket)
    return _first_shown(shown, bucket, zone)


def _hour_shown(at: datetime, zone: str) -> tuple[datetime, timedelta | None]:
    local = at.astimezone(ZoneInfo(zone))
    return floor(local.replace(tzinfo=UTC, fold=0), "hour"), local.utcoffset()


@cache
def _first_shown(shown: datetime, bucket: str, zone: str) -> datetime:
    """Returns the first minute whose local date is in the bucket that starts with ``shown``."""
    at = shown - timedelta(hours=36)
    while floor(at.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC), bucket) != shown:
        at += MINUTE
    return at


def recount(events: Iterable[Event], bucket: str, zone: str = "UTC") -> dict[str, Any]:
    """Returns totals, types and series, counted one event at a time."""
    users: dict[str, set[int]] = {"": set()}
    numbers: dict[str, int] = {"": 0}
    series: dict[tuple[datetime, str], int] = {}
    for one in events:
        for scope in ("", one.event_type):
            users.setdefault(scope, set()).add(one.user_id)
            numbers[scope] = numbers.get(scope, 0) + 1
        point = local_begin(one.created_at, bucket, zone), one.event_type
        series[point] = series.get(point, 0) + 1
    return {
        "totals": {"events": numbers.pop(""), "users": len(users.pop(""))},
        "by_type": [
            {"event_type": kind, "events": numbers[kind], "users": len(users[kind])} for kind in sorted(numbers)
        ],
        "series": [
            {"bucket": local_rfc3339(at, zone), "event_type": kind, "events": count, "users": None}
            for (at, kind), count in sorted(series.items())
        ],
    }


def recount_series(events: Iterable[Event], bucket: str, zone: str, buckets: Sequence[str]) -> dict[str, Any]:
    """Returns what ``recount`` does, with the users of each of ``buckets`` and of each point of the series."""
    events = list(events)
    counted = recount(events, bucket, zone)
    found: dict[tuple[str, str], set[int]] = {}
    for one in events:
        at = local_rfc3339(local_begin(one.created_at, bucket, zone), zone)
        for scope in ("", one.event_type):
            found.setdefault((at, scope), set()).add(one.user_id)
    series = [point | {"users": len(found[point["bucket"], point["event_type"]])} for point in counted["series"]]
    return counted | {"series": series, "users_per_bucket": [len(found.get((one, ""), ())) for one in buckets]}


def is_in_order(shown: Iterable[str], buckets: Sequence[str]) -> bool:
    """Whether a series has only these buckets, in order."""
    numbers = [buckets.index(one) for one in shown]
    begins = [datetime.fromisoformat(one) for one in buckets]
    return numbers == sorted(numbers) and begins == sorted(set(begins))


def in_range(events: Iterable[Event], start: datetime | None, end: datetime | None) -> list[Event]:
    """Returns the events of a range."""
    return [
        one for one in events if (start is None or one.created_at >= start) and (end is None or one.created_at < end)
    ]


async def check_random_ranges(
    query: QueryService,
    events: Sequence[Event],
    edges: Sequence[datetime],
    chance: random.Random,
    *,
    count: int,
    zones: Sequence[str] = ("UTC",),
) -> None:
    """Requests random ranges between ``edges`` with random buckets, zones and filters, and compares the counts."""
    answered = 0
    for number in range(count):
        start, end = sorted((chance.choice(edges), chance.choice(edges)))
        zone = chance.choice(zones)
        question: dict[str, Any] = {"bucket": chance.choice(("minute", "hour", "day", "week", "month", "auto"))}
        if zone != "UTC":
            question["tz"] = zone
        if number % 4 != 1:
            question["from"] = rfc3339(start)
        if number % 4 != 2 and start < end:
            question["to"] = rfc3339(end)
        types = chance.sample(TYPES, number % 3)
        if types:
            question["event_type"] = types
        if of_series := chance.random() < 0.5:
            question["users"] = "series"
        found = await query.http.get("/stats", params=question)
        if found.status_code == 422 and "buckets" in found.json()["detail"]:
            continue  # the range is too long for the bucket
        assert found.status_code == 200, found.text
        answer = found.json()
        wanted = in_range(events, start if "from" in question else None, end if "to" in question else None)
        wanted = [one for one in wanted if not types or one.event_type in types]
        counted = recount(wanted, answer["bucket"], zone)
        if of_series:
            counted = recount_series(wanted, answer["bucket"], zone, answer["buckets"])
        assert answer == IsPartialDict(counted), question
        assert is_in_order([point["bucket"] for point in answer["series"]], answer["buckets"]), question
        assert question["bucket"] in ("auto", answer["bucket"])
        assert (answer["from"], answer["to"], answer["tz"]) == (question.get("from"), question.get("to"), zone)
        answered += 1
    assert answered > count / 2
