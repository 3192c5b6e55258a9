"""/stats names every bucket of its range in the zone's local time, including empty ones."""

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import BASE, event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, local_begin, local_rfc3339, rfc3339

QUARTER = timedelta(minutes=15)
CHANGES = {
    "UTC": "2024-03-31T00:00Z",
    "Europe/Berlin": "2024-03-31T01:00Z",
    "Asia/Kolkata": "2024-05-01T18:30Z",
    "Australia/Adelaide": "2024-10-05T16:30Z",
    "Australia/Lord_Howe": "2024-04-06T15:00Z",  # clocks change by half an hour
    "Africa/Cairo": "2024-04-25T22:00Z",  # midnight is skipped
    "America/Santiago": "2024-09-08T04:00Z",  # midnight is skipped
    "America/Havana": "2023-11-05T05:00Z",  # midnight occurs twice
    "Pacific/Apia": "2011-12-30T10:00Z",  # a day is skipped
}
AWAY = {"hour": timedelta(hours=30), "day": timedelta(days=9), "week": timedelta(days=40), "month": timedelta(days=70)}


async def test_every_bucket_is_named_and_the_series_over_them_is_the_total(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    chance = random.Random(5)
    changes = [datetime.fromisoformat(text) for text in CHANGES.values()]
    await log_events(
        log,
        (event(created_at=chance.choice(changes) + timedelta(hours=chance.uniform(-30, 30))) for _ in range(300)),
    )
    await project(settings, log, connection)
    for zone, change in zip(CHANGES, changes, strict=True):
        for bucket, away in AWAY.items():
            start, end = (change + sign * away * chance.uniform(0.5, 1) for sign in (-1, 1))
            answer = await get_stats(
                query, **{"from": rfc3339(start), "to": rfc3339(end), "bucket": bucket, "tz": zone}
            )
            assert answer["buckets"] == watched(start, end, bucket, zone), (zone, bucket)
            counted = Counter[str]()
            for point in answer["series"]:
                counted[point["bucket"]] += point["events"]
            assert sum(counted[one] for one in answer["buckets"]) == answer["totals"]["events"] > 0, (zone, bucket)


def watched(start: datetime, end: datetime, bucket: str, zone: str) -> list[str]:
    """Returns the starts of the buckets that a wall clock of the zone shows."""
    found: dict[datetime, None] = {}
    at = start
    while at < end:
        found[local_begin(at, bucket, zone)] = None
        at += QUARTER
    found[local_begin(end - timedelta(microseconds=1), bucket, zone)] = None
    return [local_rfc3339(begin, zone) for begin in found]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, "2026-03-01T00:00:00Z", "2026-03-05T00:00:00Z"),
        ({"from": "2026-02-27T12:00:00Z"}, "2026-02-27T00:00:00Z", "2026-03-05T00:00:00Z"),
        ({"to": "2026-03-08T00:00:00Z"}, "2026-03-01T00:00:00Z", "2026-03-07T00:00:00Z"),
        ({"to": "2026-03-08T00:00:00Z", "event_type": "never"}, "2026-03-01T00:00:00Z", "2026-03-07T00:00:00Z"),
    ],
)
async def test_an_open_end_is_where_the_events_end(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    asked: dict[str, Any],
    first: str,
    last: str,
) -> None:
    await log_events(log, [event(created_at=BASE), event(created_at=BASE + timedelta(days=4))])
    await project(settings, log, connection)
    buckets = (await get_stats(query, bucket="day", **asked))["buckets"]
    assert (buckets[0], buckets[-1]) == (first, last)
    steps = [datetime.fromisoformat(one) for one in buckets]
    assert steps == [steps[0] + timedelta(days=number) for number in range(len(steps))]
