"""For any events and any query, the pages equal a naive selection, and only rows that may match are read."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import cycle

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.events import Event
from migrations.catalogue import get_live_model
from query.database import Snapshot
from query.events.listing import newest
from query.events.models import EventsQuestion
from tests.query.conftest import QueryService
from tests.support.events import event
from tests.support.events_endpoint import Question, event_ids, expected_ids, get_all_events, project, range_params

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TYPES = ("page_view", "checkout.paid", "checkout.refund.partial", "页面")
PATTERNS = (*TYPES, "checkout.*", "checkout.>", "*", ">", "nothing.>")
USERS = (1, 2, -(2**63), 2**63 - 1)

# few types, users and times, so that pages start within minutes and hours that have more events; times at the edges of
# these and of the first window
HOURS = st.sampled_from([20, 1, 0, 0, 0, -1, -1, -2, -24, -167, -168, -169, -24 * 40])
MINUTES = st.sampled_from([0, 1, 2, 3, 30, 58, 59])
SHIFTS = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(seconds=60, microseconds=-1)])
TIMES = st.builds(
    lambda hours, minutes, shift: NOW + timedelta(hours=hours, minutes=minutes) + shift, HOURS, MINUTES, SHIFTS
)
EVENTS = st.builds(event, st.sampled_from(TYPES), st.sampled_from(USERS), TIMES)
EDGES = (
    st.none()
    | st.none()
    | st.none()
    | st.builds(lambda time, shift: time + shift, TIMES, st.sampled_from([timedelta(0), timedelta(microseconds=1)]))
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    start, end = draw(EDGES), draw(EDGES)
    if start is not None and end is not None and start >= end:
        start = None
    question = range_params(start, end)
    wanted = draw(st.sampled_from(["types", "types", "user", "both", "all"]))
    if wanted in ("types", "both"):
        question["event_type"] = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True))
    if wanted in ("user", "both"):
        question["user_id"] = draw(st.sampled_from((*USERS, 3)))
    return question


@pytest.fixture
async def writer(connection: "asyncpg.Connection", database: str) -> "AsyncIterator[asyncpg.Connection]":
    """A connection for projecting, with its own search path."""
    writer = await asyncpg.connect(database, server_settings={"timezone": "UTC"})
    yield writer
    await writer.close()


async def forget(writer: "asyncpg.Connection") -> None:
    await writer.execute(
        """
        set search_path = model_1, ledger_1;
        truncate event_ids, duplicates, analytics_events, events_by_minute, events_by_hour, events_by_day, users,
            user_sets, set_log, all_time;
        update ledger_position set users = 0;
        update projection_position set epoch = '', seq = 0, fingerprint = '';
        update ledger_position set epoch = '', seq = 0, fingerprint = '';
        """
    )


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    events=st.lists(EVENTS, max_size=40) | st.lists(EVENTS, min_size=20, max_size=40),
    asked=st.lists(questions(), min_size=3, max_size=3),
    limits=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    looked_at=st.sampled_from([0, 1, 2, 5, 1_000]),
)
async def test_all_pages_together_equal_a_naive_selection(
    query: QueryService,
    writer: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    events: list[Event],
    asked: list[Question],
    limits: list[int],
    looked_at: int,
) -> None:
    monkeypatch.setattr("query.events.listing.MAX_SCANNED", looked_at)
    await forget(writer)
    if events:
        await project(writer, await get_live_model(writer), events)
    for question in asked:
        assert event_ids(await get_all_events(query, cycle(limits), **question)) == expected_ids(events, question), (
            question
        )


def days_of_events(count: int) -> list[Event]:
    """Events over 20 days; some of a rare type, one of a rare user."""
    chance = random.Random(4)
    rare = set(chance.sample(range(count), 5))
    return [
        event(
            "rare" if number in rare else chance.choice(TYPES),
            -7 if number == count // 2 else chance.randrange(1_000),
            NOW - timedelta(seconds=chance.random() * 20 * 86_400),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("question", "found", "at_most"),
    [
        ({"event_type": ["rare"]}, 5, 120),
        ({"user_id": -7}, 1, 140),
        ({"user_id": 5_000}, 0, 0),
        ({"event_type": ["page_view"], "limit": 10}, 11, 110),
        ({"limit": 10}, 11, 20),
    ],
    ids=str,
)
async def test_only_rows_that_may_match_are_read(
    writer: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, question: Question, found: int, at_most: int
) -> None:
    monkeypatch.setattr("query.events.listing.MAX_SCANNED", 100)
    await project(writer, await get_live_model(writer), days_of_events(4_000))
    await writer.execute("analyze")
    async with writer.transaction(isolation="repeatable_read", readonly=True):
        asked = EventsQuestion.model_validate(question)
        assert len(await newest(Snapshot(writer), asked, question.get("user_id"), None, asked.limit + 1)) == found
        read = await writer.fetchval(
            "select pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)"
            " from pg_class where oid = 'model_1.analytics_events'::regclass"
        )
    assert read <= at_most
