"""Requests to /stats, and a naive count to compare with."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dirty_equals import IsPartialDict

from contracts.events import Event
from tests.query.conftest import QueryService
from tests.support.events import TYPES

MINUTE = timedelta(minutes=1)
OTHER = "\0"
"""Stands for the types that are not named; no event has this type."""


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


def recount(
    events: Iterable[Event],
    bucket: str,
    zone: str = "UTC",
    *,
    limit: int = 100,
    first: Collection[str] = (),
    of_series: bool = False,
) -> dict[str, Any]:
    """Returns totals, types, series and other types, counted one event at a time.

    ``of_series``: with the users of the series. ``limit`` types are named: those of ``first``, then the most frequent.
    """
    events = list(events)
    kinds = Counter(one.event_type for one in events)
    ranked = sorted(kinds, key=lambda kind: (kind not in first, -kinds[kind], kind))
    found: dict[tuple[datetime | None, str], list[int | None]] = {}
    for one in events:
        kind = one.event_type if one.event_type in ranked[:limit] else OTHER
        for at in (None, local_begin(one.created_at, bucket, zone)):
            found.setdefault((at, kind), []).append(one.user_id)
    totals = [
        {"event_type": kind, "events": len(users), "users": len(set(users) - {None})}
        for (at, kind), users in sorted(found.items(), key=lambda row: row[0][1])
        if at is None
    ]
    points = [
        {
            "bucket": local_rfc3339(at, zone),
            "event_type": kind,
            "events": len(users),
            "users": len(set(users) - {None}) if of_series else None,
        }
        for (at, kind), users in sorted((row for row in found.items() if row[0][0]), key=lambda row: row[0])
        if at
    ]
    others = [total for total in map(_without_type, totals) if total]
    return {
        "totals": {"events": len(events), "users": len({one.user_id for one in events} - {None})},
        "by_type": [total for total in totals if total["event_type"] != OTHER],
        "series": [point for point in points if point["event_type"] != OTHER],
        "other_types": {
            "types": len(ranked[limit:]),
            **others[0],
            "series": [*filter(None, map(_without_type, points))],
        }
        if others
        else None,
    }


def _without_type(counted: dict[str, Any]) -> dict[str, Any] | None:
    return {name: counted[name] for name in counted if name != "event_type"} if counted["event_type"] == OTHER else None


def recount_series(
    events: Iterable[Event], bucket: str, zone: str, buckets: Sequence[str], *, limit: int = 100
) -> dict[str, Any]:
    """Returns what ``recount`` does, with the users of each of ``buckets`` and of each point of the series."""
    events = list(events)
    found: dict[str, set[int]] = {}
    for one in events:
        if one.user_id is not None:
            found.setdefault(local_rfc3339(local_begin(one.created_at, bucket, zone), zone), set()).add(one.user_id)
    counted = recount(events, bucket, zone, limit=limit, of_series=True)
    return counted | {"users_per_bucket": [len(found.get(one, ())) for one in buckets]}


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
        limit = chance.choice((1, 3, 100))
        question["type_limit"] = limit
        found = await query.http.get("/stats", params=question)
        if found.status_code == 422 and "buckets" in found.json()["detail"]:
            continue  # the range is too long for the bucket
        assert found.status_code == 200, found.text
        answer = found.json()
        wanted = in_range(events, start if "from" in question else None, end if "to" in question else None)
        wanted = [one for one in wanted if not types or one.event_type in types]
        counted = recount(wanted, answer["bucket"], zone, limit=limit)
        if of_series:
            counted = recount_series(wanted, answer["bucket"], zone, answer["buckets"], limit=limit)
        assert answer == IsPartialDict(counted), question
        assert is_in_order([point["bucket"] for point in answer["series"]], answer["buckets"]), question
        assert question["bucket"] in ("auto", answer["bucket"])
        assert (answer["from"], answer["to"], answer["tz"]) == (question.get("from"), question.get("to"), zone)
        answered += 1
    assert answered > count / 2
