"""The previous period: the same length, or the same number of local days."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from dirty_equals import IsPartialDict, IsStr

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import TYPES, event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, in_range, recount, rfc3339

BERLIN = "Europe/Berlin"


async def events_between(log: LogClient, start: datetime, end: datetime, count: int = 250) -> list[Event]:
    chance = random.Random(3)
    return await log_events(
        log,
        [
            event(chance.choice(TYPES), chance.randrange(40), start + chance.random() * (end - start))
            for _ in range(count)
        ],
    )


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


def counted(events: list[Event], start: datetime, end: datetime) -> dict[str, Any]:
    found = recount(in_range(events, start, end), "minute")
    return {
        "from": rfc3339(start),
        "to": rfc3339(end),
        "totals": found["totals"],
        "by_type": found["by_type"],
        "other_types": None,
    }


async def test_whole_local_days_are_compared_with_the_same_number_of_local_days(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    days = [midnight(f"2026-03-{day}") for day in ("27", "29", "31")]
    events = await events_between(log, days[0], days[2])
    # one event in the hour that counts only if the previous days are local
    events += await log_events(log, [event("edge", 1, days[0] + timedelta(minutes=30))])
    await project(settings, log, connection)
    answer = await get_stats(query, compare="previous", tz=BERLIN, **{"from": rfc3339(days[1]), "to": rfc3339(days[2])})
    assert days[2] - days[1] == timedelta(hours=47)
    assert answer["previous"] == counted(events, days[0], days[1])
    assert answer == IsPartialDict(recount(in_range(events, days[1], days[2]), answer["bucket"], BERLIN))


async def test_any_other_range_is_compared_with_one_of_the_same_length(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    days = [midnight(f"2026-03-{day}") for day in ("27", "29", "31")]
    events = await events_between(log, days[0], days[2])
    await project(settings, log, connection)
    chance = random.Random(4)
    for _ in range(8):
        start = days[1] + timedelta(seconds=chance.randrange(-40_000, 40_000), microseconds=chance.randrange(1_000_000))
        length = timedelta(microseconds=chance.randrange(1, 100_000_000_000))
        question = {"from": rfc3339(start), "to": rfc3339(start + length), "tz": BERLIN}
        answer = await get_stats(query, compare="previous", **question)
        assert answer["previous"] == counted(events, start - length, start)
        kinds = [one for one in events if one.event_type in TYPES[:2]]
        answer = await get_stats(query, compare="previous", event_type=list(TYPES[:2]), users="false", **question)
        wanted = counted(kinds, start - length, start)
        for one in (wanted["totals"], *wanted["by_type"]):
            one["users"] = None
        assert answer["previous"] == wanted


async def test_a_range_without_an_end_is_compared_up_to_now(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    now = datetime.now(UTC)
    await log_events(log, (event("click", hours, now - timedelta(hours=hours)) for hours in (1, 3, 5, 13, 15, 30)))
    await log_events(log, [event("click", 99, now + timedelta(hours=3))])
    await project(settings, log, connection)
    answer = await get_stats(query, compare="previous", **{"from": "-10h"})
    start, end = (datetime.fromisoformat(answer[name]) for name in ("from", "to"))
    assert end - start == timedelta(hours=10)
    assert now.replace(microsecond=0) <= end <= datetime.now(UTC)
    assert answer["totals"] == {"events": 3, "users": 3}
    assert answer["previous"] == IsPartialDict(
        {"from": rfc3339(start - timedelta(hours=10)), "to": rfc3339(start), "totals": {"events": 2, "users": 2}}
    )


async def test_before_the_first_event_there_is_nothing(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event()])
    await project(settings, log, connection)
    nothing = {"totals": {"events": 0, "users": 0}, "by_type": []}
    answer = await get_stats(query, compare="previous", **{"from": "2000-01-01T00:00:00Z"})
    assert answer["previous"] == IsPartialDict(nothing)
    assert answer["totals"]["events"] == 1
    assert (await get_stats(query))["previous"] is None


async def test_a_previous_period_that_divides_a_dropped_hour_is_refused(
    query: QueryService, connection: asyncpg.Connection
) -> None:
    await connection.execute("update model_1.projection_position set raw_from = $1", datetime(2026, 3, 1, tzinfo=UTC))
    question = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:30:00Z", "compare": "previous"}
    answer = await query.http.get("/stats", params=question)
    assert (answer.status_code, answer.json()) == (422, IsPartialDict(detail=IsStr(regex="compare: before .*")))
    await get_stats(query, **question | {"to": "2026-03-01T01:00:00Z"})
