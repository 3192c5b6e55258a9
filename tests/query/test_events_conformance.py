"""/events gives the same answers on both flavours, with uncounted late events, compressed chunks and retention.

The timescale flavour runs on the TimescaleDB in WASM, and also on a native one if
``TAILRACE_TEST_TIMESCALE_DSN`` names it.
"""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from contracts.events import Event
from migrations.catalogue import Model, get_live_model
from projection.maintenance import Maintenance
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.query.conftest import QueryService, running_query
from tests.support.events import TYPES, event, some_events
from tests.support.events_endpoint import (
    Question,
    event_ids,
    expected_ids,
    get_all_events,
    get_events,
    project,
    range_params,
)
from tests.support.timescale import drop_rows, run_compression

DAY = timedelta(days=1)
PATTERNS = (*TYPES, "checkout.*", ">", "nothing")


@pytest.fixture
def database(migrated_timescale: str) -> str:
    """A migrated database with TimescaleDB."""
    return migrated_timescale


@pytest.fixture
async def writer(database: str) -> "AsyncIterator[asyncpg.Connection]":
    """A connection for projecting, with its own search path."""
    writer = await asyncpg.connect(database, server_settings={"timezone": "UTC"})
    yield writer
    await writer.close()


@pytest.fixture
async def model(writer: "asyncpg.Connection") -> Model:
    model = await get_live_model(writer)
    assert model.flavour == "timescale"
    return model


@pytest.fixture
def settings(settings: Settings, database: str) -> Settings:
    return settings.model_copy(update={"database": database, "query_port": free_port()})


def recent_events(count: int, days: float) -> list[Event]:
    chance = random.Random(3)
    now = datetime.now(UTC)
    return [
        event(chance.choice(TYPES), chance.randrange(20), now - days * DAY * chance.random(), f'{{"n":{number}}}')
        for number in range(count)
    ]


async def check_pages(query: QueryService, events: Sequence[Event], chance: random.Random, count: int) -> None:
    """Compares random queries, page by page, with a naive selection."""
    for _ in range(count):
        edges = sorted(chance.choice(events).created_at for _ in range(2))
        start, end = (edge if chance.random() < 0.4 else None for edge in edges)
        question: Question = range_params(start, end if start != end else None)
        if chance.random() < 0.7:
            question["event_type"] = chance.sample(PATTERNS, chance.randrange(1, 3))
        if chance.random() < 0.5:
            question["user_id"] = chance.randrange(22)
        limits = cycle((chance.randrange(1, 60), chance.randrange(20, 200)))
        assert event_ids(await get_all_events(query, limits, **question)) == expected_ids(events, question), question


async def test_pages_equal_a_naive_selection_before_and_after_late_events_are_counted(
    log: LogClient, settings: Settings, writer: asyncpg.Connection, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.events.listing.MAX_SCANNED", 10)
    events = [*some_events(120), *recent_events(120, 0.2), event("click", 1, datetime.now(UTC) + DAY)]
    await project(writer, model, events)
    maintenance = Maintenance(writer, model)
    await maintenance.refresh()
    late = [*some_events(40, seed=2), *recent_events(60, 40)]
    late += [event("rare", 21, one.created_at) for one in late[::20]]
    await project(writer, model, late)
    events += late
    assert await writer.fetchval("select count(*) from late_ranges") > 50
    async with running_query(settings) as query:
        for question in ({"event_type": ["rare"]}, {"user_id": 21}):
            assert event_ids(await get_all_events(query, cycle([3]), **question)) == expected_ids(events, question)
        await check_pages(query, events, random.Random(1), 12)
        await maintenance.refresh()
        assert await writer.fetchval("select count(*) from late_ranges") == 0
        assert await run_compression(writer) >= 3
        await check_pages(query, events, random.Random(2), 12)
        for one in random.Random(3).sample(events, 10):
            found = (await query.http.get(f"/events/{one.event_id}")).json()
            assert (found["state"], found["event"]["event_type"]) == ("projected", one.event_type)


async def test_events_of_the_same_time_are_all_listed_from_a_chunk_that_timescaledb_sorts(
    log: LogClient, settings: Settings, writer: asyncpg.Connection, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.events.listing.MAX_SCANNED", 10)
    then = datetime.now(UTC) - 10 * DAY
    events = [event("click", 1, then - 10 * DAY - timedelta(seconds=number)) for number in range(3_000)]
    events += [event("rare", 21, then) for _ in range(30)]
    await project(writer, model, events)
    index = await writer.fetchval(
        """
        select indexrelid::regclass::text from pg_index join pg_attribute on attrelid = indexrelid and attnum = 1
        where attname = 'created_at' and indrelid = (
            select max(inhrelid) from pg_inherits where inhparent = 'analytics_events'::regclass
        )
        """
    )
    await writer.execute(f"drop index {index}; analyze")
    async with running_query(settings) as query:
        questions: list[Question] = [{}, {"event_type": ["rare"]}, {"user_id": 21}, {"event_type": [">"]}]
        for question in questions:
            pages = cycle([7, 500])
            assert event_ids(await get_all_events(query, pages, **question)) == expected_ids(events, question), question


async def test_dropped_ranges_are_reported_and_their_events_are_expired(
    log: LogClient, settings: Settings, writer: asyncpg.Connection, model: Model
) -> None:
    now = datetime.now(UTC)
    events = [event("click", number, now - number * DAY / 4) for number in range(60)]
    await project(writer, model, events)
    maintenance = Maintenance(writer, model)
    await maintenance.refresh()
    kept_from = await drop_rows(maintenance, 7 * DAY)
    async with running_query(settings) as query:
        shown = expected_ids(events, range_params(kept_from, None))
        assert 20 < len(shown) < 40
        questions: list[Question] = [{}, {"event_type": [">"]}, range_params(now - 14 * DAY, None)]
        for question in questions:
            assert event_ids(await get_all_events(query, cycle([10]), **question)) == shown
            page = await get_events(query, **question)
            assert datetime.fromisoformat(page["as_of"]["kept_from"]) == kept_from
        first = await query.http.get(f"/events/{events[-1].event_id}")
        assert first.json() == IsPartialDict(state="expired", event=None, parked=None)
        last = await query.http.get(f"/events/{events[0].event_id}")
        assert last.json() == IsPartialDict(state="projected")
