"""Cohorts and their returning users, compared with a naive count over the events."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.events import event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import local_begin

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + 56 * DAY


def some_visits(count: int = 600) -> list[Event]:
    """Sign-ups, some of them twice, and views of 40 users over eight weeks, in any order."""
    chosen = random.Random(7)
    kinds = ["sign_up", "page_view", "page_view", "page_view", "click.button"]
    return [event(chosen.choice(kinds), chosen.randrange(40), START + chosen.random() * 56 * DAY) for _ in range(count)]


@pytest.fixture
async def visited(of_each_flavour: str, settings: Settings, log: LogClient) -> AsyncIterator[QueryService]:
    """A service over a read model of the visits; the newest of them are not merged into the sets."""
    settings = settings.model_copy(update={"database": of_each_flavour})
    connection = await asyncpg.connect(of_each_flavour)
    await log_events(log, some_visits())
    await project(settings, log, connection)
    await connection.close()
    async with running_query(settings) as service:
        yield service


async def retention(query: QueryService, **question: Any) -> Any:
    answer = await query.http.get("/retention", params=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def recount(returning: set[str], bucket: str, zone: str) -> list[tuple[int, list[int]]]:
    """Counts by hand: cohorts by the first sign-up, and the users that return in each bucket from then on."""
    visits = some_visits()
    first, last = local_begin(START, bucket, zone), END + 2 * DAY
    times = [*(START + half_days * DAY / 2 for half_days in range(112)), END - timedelta(minutes=1)]
    begins = sorted({local_begin(time, bucket, zone) for time in times})
    cohorts: dict[int | None, datetime] = {}
    for visit in sorted(visits, key=lambda one: one.created_at):
        if visit.event_type == "sign_up" and first <= visit.created_at < last:
            cohorts.setdefault(visit.user_id, local_begin(visit.created_at, bucket, zone))
    active: dict[datetime, set[int | None]] = {begin: set() for begin in begins}
    for visit in visits:
        if visit.event_type in returning:
            active[local_begin(visit.created_at, bucket, zone)].add(visit.user_id)
    counted = []
    for number, begin in enumerate(begins):
        users = {user for user, since in cohorts.items() if since == begin}
        counted.append((len(users), [len(users & active[later]) for later in begins[number:]]))
    return counted


RETURNING: list[tuple[list[str], set[str]]] = [
    (["page_view"], {"page_view"}),
    (["click.*", "sign_up"], {"click.button", "sign_up"}),
    ([], {"sign_up", "page_view", "click.button"}),
]


async def test_returning_users_equal_a_naive_count(visited: QueryService) -> None:
    whole = {"from": START.isoformat(), "to": END.isoformat(), "cohort": "sign_up"}
    for bucket in ("week", "month", "day"):
        for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
            for asked, counted in RETURNING:
                answer = await retention(visited, bucket=bucket, tz=zone, returning=asked, **whole)
                found = [(cohort["users"], cohort["returning"]) for cohort in answer["cohorts"]]
                assert found == recount(counted, bucket, zone), (bucket, zone, asked)


async def test_the_default_is_the_last_twelve_weeks_and_an_unknown_type_has_no_users(visited: QueryService) -> None:
    answer = await retention(visited, cohort="nothing.like.it", to="2026-04-01T00:00:00Z")
    assert [(cohort["users"], set(cohort["returning"])) for cohort in answer["cohorts"]] == [(0, {0})] * 12
    assert answer["cohorts"][-1]["bucket"] == "2026-03-30T00:00:00Z"
    assert (answer["to"], answer["bucket"]) == ("2026-04-06T00:00:00Z", "week")
    assert answer["as_of"]["cursor"].split(":")[1] == "600"


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({}, "cohort: "),
        ({"cohort": "a", "from": "2020-01-01T00:00:00Z", "bucket": "day"}, "at most 100 are possible"),
        ({"cohort": "a", "from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "must be later"),
        ({"cohort": "a", "bucket": "hour"}, "bucket: "),
        ({"cohort": "a", "tz": "Mars/Base"}, "is not a time zone"),
        ({"cohort": "a", "users": "1"}, "users: unknown parameter"),
    ],
)
async def test_a_bad_question_is_a_problem(query: QueryService, question: dict[str, str], message: str) -> None:
    answer = await query.http.get("/retention", params=question)
    assert (answer.status_code, answer.json()["title"]) == (422, "Bad parameter")
    assert message in answer.json()["detail"]
