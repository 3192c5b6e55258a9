"""For any question about any events, the answer equals counting them one by one."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from dirty_equals import IsPartialDict
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from query.buckets import MAX_BUCKETS
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import in_range, is_in_order, recount, recount_series, rfc3339

TYPES = tuple(f"type.{number}" for number in range(12))
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Havana",
    "Pacific/Apia",
)
CHANGES = (
    datetime(2024, 3, 31, 1, tzinfo=UTC),  # Berlin and London
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),  # Lord Howe
    datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),  # St. John's
    datetime(2023, 11, 5, 5, tzinfo=UTC),  # Havana
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia
)
EXAMPLES = 120
MAX_DAYS = 60

AWAY = st.timedeltas(timedelta(days=-2), timedelta(days=2)) | st.integers(-48, 48).map(
    lambda half: half * timedelta(minutes=30)
)
LENGTHS = (
    st.timedeltas(timedelta(microseconds=1), timedelta(days=2))
    | st.timedeltas(timedelta(days=1), timedelta(days=MAX_DAYS))
    | st.integers(1, MAX_DAYS).map(lambda days: timedelta(days=days))
)
QUESTIONS = st.fixed_dictionaries(
    {
        "change": st.sampled_from(CHANGES),
        "away": AWAY,
        "length": LENGTHS,
        "open": st.sampled_from(["", "", "", "from", "to"]),
        "zone": st.sampled_from(ZONES),
        "bucket": st.sampled_from(["auto", "minute", "hour", "day", "week", "month"]),
        "types": st.sets(st.sampled_from(TYPES)),
        "compare": st.booleans(),
        "of_series": st.booleans(),
        "limit": st.sampled_from([1, 2, 5, 100]),
    }
)


@pytest.mark.timeout(600)  # hypothesis may need long to find the simplest failing question
async def test_every_answer_equals_a_naive_count(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    chance = random.Random(20)
    events = await log_events(
        log,
        [event(chance.choice(TYPES), chance.randrange(60), chance.choice(CHANGES) + away(chance)) for _ in range(700)],
    )
    await project(settings, log, connection)

    @hypothesis_settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], report_multiple_bugs=False
    )
    @given(QUESTIONS)
    def check(asked: dict[str, Any]) -> None:
        start: datetime | None = asked["change"] + asked["away"]
        end: datetime | None = start + asked["length"]
        start, end = (None if asked["open"] == name else one for name, one in (("from", start), ("to", end)))
        question = {"tz": asked["zone"], "bucket": asked["bucket"], "event_type": sorted(asked["types"])}
        question |= {name: rfc3339(one) for name, one in (("from", start), ("to", end)) if one}
        if asked["of_series"]:
            question["users"] = "series"
        question["type_limit"] = limit = asked["limit"]
        compared = asked["compare"] and start is not None and end is not None
        if compared:
            question["compare"] = "previous"
        found = http.get("/stats", params=question)
        if found.status_code == 422:
            assert found.json()["detail"].startswith("bucket: ")
            assert asked["open"] or (
                asked["bucket"] == "minute" and asked["length"] >= timedelta(minutes=MAX_BUCKETS - 1)
            )
            return
        answer = found.json()
        wanted = [one for one in events if not asked["types"] or one.event_type in asked["types"]]
        within = in_range(wanted, start, end)
        counted = recount(within, answer["bucket"], asked["zone"], limit=limit)
        if asked["of_series"]:
            counted = recount_series(within, answer["bucket"], asked["zone"], answer["buckets"], limit=limit)
        assert answer == IsPartialDict(counted)
        assert is_in_order([point["bucket"] for point in answer["series"]], answer["buckets"])
        if compared:
            assert start is not None
            before = datetime.fromisoformat(answer["previous"]["from"])
            assert abs(start - before - asked["length"]) <= timedelta(hours=24)
            first = {row["event_type"] for row in answer["by_type"]}
            in_it = recount(in_range(wanted, before, start), "month", limit=limit, first=first)
            others = in_it["other_types"]
            assert answer["previous"] == IsPartialDict(
                totals=in_it["totals"],
                by_type=in_it["by_type"],
                other_types=others and {name: others[name] for name in ("types", "events", "users")},
            )

    with httpx.Client(base_url=query.url, timeout=30, trust_env=False) as http:
        await asyncio.to_thread(check)


def away(chance: random.Random) -> timedelta:
    """Times within two days, and at, before or after half hours, where buckets start."""
    if chance.random() < 0.5:
        return timedelta(seconds=chance.uniform(-172_800, 172_800))
    return chance.randrange(-60, 60) * timedelta(minutes=30) + chance.randrange(-1, 2) * timedelta(microseconds=1)
