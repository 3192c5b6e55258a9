"""Answers about many event types: the most frequent are named, the others are counted together."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOLE = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}


@pytest.mark.parametrize("whole", [{}, WHOLE])
@pytest.mark.parametrize("users", ["true", "series"])
async def test_an_answer_about_thousands_of_types_stays_small(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    whole: dict[str, str],
    users: str,
) -> None:
    events = [
        event(f"junk.{number}", number % 7, NOON + timedelta(minutes=minute))
        for number in range(2_000)
        for minute in range(2)
    ]
    await log_events(log, [*events, *(event("order", 1, NOON) for _ in range(3))])
    await project(settings, log, connection)
    found = await query.http.get("/stats", params={**whole, "users": users, "bucket": "hour"})
    assert len(found.content) < 200_000
    answer = found.json()
    assert len(answer["by_type"]) == 100
    assert answer["by_type"][-1] == IsPartialDict(event_type="order", events=3)
    assert answer["other_types"] == IsPartialDict(types=1_901, events=3_802)
    for counted in (answer["by_type"], answer["series"]):
        others = answer["other_types"]["series"] if counted is answer["series"] else [answer["other_types"]]
        assert sum(one["events"] for one in [*counted, *others]) == answer["totals"]["events"] == 4_003


@pytest.mark.parametrize("whole", [{}, WHOLE])
async def test_a_user_of_several_other_types_counts_once(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    whole: dict[str, str],
) -> None:
    often = [event("often", 9, NOON) for _ in range(4)]
    seldom = [event(f"seldom.{number}", number % 2, NOON + timedelta(hours=number)) for number in range(6)]
    await log_events(log, [*often, *seldom])
    await project(settings, log, connection)
    answer = await get_stats(query, **whole, type_limit=1, users="series", bucket="day")
    assert answer["by_type"] == [{"event_type": "often", "events": 4, "users": 1}]
    assert answer["other_types"] == {
        "types": 6,
        "events": 6,
        "users": 2,
        "series": [{"bucket": "2026-03-01T00:00:00Z", "events": 6, "users": 2}],
    }
    assert answer["totals"] == {"events": 10, "users": 3}


async def test_users_of_other_types_are_not_counted_without_users_per_type(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("query.stats.counting.MAX_TYPES", 2)
    await log_events(log, [event(f"type.{number}", number, NOON) for number in range(4)])
    await project(settings, log, connection)
    for whole in ({}, WHOLE):
        answer = await get_stats(query, **whole, type_limit=1)
        assert answer["other_types"] == IsPartialDict(types=3, events=3, users=None)
        assert answer["totals"] == {"events": 4, "users": 4}


async def test_the_period_before_names_the_types_of_the_range(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    before = NOON - timedelta(days=1)
    events = [event("now", 1, NOON), event("now", 1, before), *(event("then", 2, before) for _ in range(3))]
    await log_events(log, events)
    await project(settings, log, connection)
    answer = await get_stats(query, **WHOLE, type_limit=1, compare="previous")
    assert answer["by_type"] == [{"event_type": "now", "events": 1, "users": 1}]
    assert answer["other_types"] is None
    assert answer["previous"] == IsPartialDict(
        by_type=[{"event_type": "now", "events": 1, "users": 1}], other_types={"types": 1, "events": 3, "users": 1}
    )


async def test_an_embedded_chart_shows_every_type(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event(f"type.{number:03}", 1, NOON + timedelta(days=number)) for number in range(120)])
    await project(settings, log, connection)
    page = (await query.http.get("/embed", params={"bucket": "day"})).text
    assert page.count("<rect") == 120
