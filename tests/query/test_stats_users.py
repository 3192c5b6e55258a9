"""Unique users per bucket, of many types, after retention, and of batches that are not merged into the sets yet."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, recount_series

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def test_users_of_each_bucket_are_counted(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(
        log,
        [
            event("view", 1, NOON),
            event("view", 2, NOON),
            event("click", 1, NOON),
            event("view", 1, NOON + 2 * DAY),
        ],
    )
    await project(settings, log, connection)
    answer = await get_stats(query, users="series", bucket="day")
    assert answer == IsPartialDict(users_per_bucket=[2, 0, 1], users_per_type=True)
    assert answer == IsPartialDict(recount_series(events, "day", "UTC", answer["buckets"]))


async def test_users_of_days_in_a_zone_of_half_hours_are_not_counted_from_single_events(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event(user_id=number, created_at=NOON + number * DAY / 7) for number in range(200)])
    await project(settings, log, connection)
    question = {"tz": "Asia/Kolkata", "bucket": "day", "users": "series"}
    counted = await get_stats(query, **question)
    await connection.execute("delete from analytics_events")
    # another filter, another ETag: nothing answers from a cache
    assert (await get_stats(query, event_type="page_view", **question))["series"] == counted["series"]
    assert sum(counted["users_per_bucket"]) == 200


async def test_users_of_more_types_than_the_limit_are_counted_only_together(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("query.stats.counting.MAX_TYPES", 2)
    await log_events(log, [event(f"type.{number % 3}", number % 5, NOON + number * DAY / 9) for number in range(90)])
    await project(settings, log, connection)
    whole = {"from": "2026-03-01T00:10:00Z", "to": "2026-03-20T23:50:00Z", "bucket": "day", "users": "series"}
    for question in ({}, {"event_type": ["type.*"]}):
        answer = await get_stats(query, **whole, **question)
        assert answer == IsPartialDict(totals={"events": 90, "users": 5}, users_per_type=False)
        assert {one["users"] for one in (*answer["by_type"], *answer["series"])} == {None}
        assert answer["users_per_bucket"][1] == 5
    answer = await get_stats(query, **whole, event_type=["type.1", "type.2"])
    assert answer == IsPartialDict(users_per_type=True)
    assert [one["users"] for one in answer["by_type"]] == [5, 5]


async def test_users_of_buckets_that_need_dropped_events_are_refused(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event(user_id=number, created_at=NOON + number * DAY / 96) for number in range(20)])
    await project(settings, log, connection)
    await connection.execute("update model_1.projection_position set raw_from = $1", NOON + DAY)
    whole = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T17:00:00Z", "users": "series"}
    assert (await get_stats(query, **whole, bucket="hour"))["users_per_bucket"] == [4, 4, 4, 4, 4]
    answer = await query.http.get("/stats", params=whole | {"bucket": "minute"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("users: before 2026-03-02 only users of whole quarter hours are kept")
