"""Late events that keep arriving: only those since the last refresh are pending."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from contracts.events import Event
from migrations.catalogue import get_live_model
from projection.maintenance import REFRESH, Maintenance
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.cli.verify import describe
from tests.projection.timescale.conftest import ago, is_settled, pending, project_all, stop_maintenance
from tests.query.conftest import running_query
from tests.support.events import event, log_events, some_events
from tests.support.projector import project, running_projector, until_projected
from tests.support.recount import read_model, recount_log
from tests.support.stats_endpoint import get_stats, recount
from tests.support.waiting import until
from verification.receipt import Receipt
from verification.run import verify

LATE_BY = 6.0
"""Minutes by which the producer's clock is slow."""
SOON = 20.0
"""Seconds after which no late event is pending: decision 0082, with room for a busy machine."""


@asynccontextmanager
async def late_stream(log: LogClient, settings: Settings) -> AsyncIterator[list[Event]]:
    """A producer with a slow clock: sends an event when the last one is projected. Yields the events sent so far."""
    sent: list[Event] = []
    looking = await asyncpg.connect(settings.dsn)

    async def send() -> None:
        while True:
            sent.extend(await log_events(log, [event("late", len(sent), ago(minutes=LATE_BY))]))
            await until_projected(looking, log)

    sending = asyncio.create_task(send())
    try:
        yield sent
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        await looking.close()


async def test_only_late_events_since_the_last_refresh_are_pending(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    async with running_projector(settings), running_query(settings) as query:
        async with late_stream(log, settings) as sent:

            async def most_are_counted() -> bool:
                return len(sent) >= 100 and await pending(connection) < len(sent) / 2

            await until(most_are_counted, timeout=60)
        await until_projected(connection, log)
        await until(lambda: is_settled(connection), timeout=SOON)
        assert (await get_stats(query, settled="true"))["as_of"]["late_pending"] == 0
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []


async def test_settled_waits_for_present_events_while_late_events_keep_arriving(
    log: LogClient, settings: Settings
) -> None:
    async with running_projector(settings), running_query(settings) as query, late_stream(log, settings) as sent:

        async def some_came() -> bool:
            return len(sent) >= 20

        await until(some_came, timeout=60)
        for _ in range(3):
            projected = len(sent) - 1  # the producer waits until each is projected
            answer = await get_stats(query, settled="true", event_type="late")
            assert sum(one["events"] for one in answer["series"]) >= projected


class Interrupting:
    """A connection of maintenance that calls a function before its first refresh."""

    def __init__(self, connection: "asyncpg.Connection", happens: Any) -> None:
        self._connection = connection
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, query: str, *arguments: object, timeout: float | None = None) -> None:
        if query == REFRESH and self._happens is not None:
            happens, self._happens = self._happens, None
            await happens()
        await self._connection.execute(query, *arguments, timeout=timeout)


@pytest.fixture
def no_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops maintenance, so that only the test refreshes."""
    stop_maintenance(monkeypatch)


@pytest.mark.usefixtures("no_maintenance")
async def test_only_events_that_arrive_during_a_refresh_of_their_hour_are_pending(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(30))
    await project(settings, log, connection)
    assert await pending(connection) == 30

    async def more_comes() -> None:
        for one in events[:2]:
            late = event(one.event_type, one.user_id, one.created_at)
            events.extend(await log_events(log, [late]))
            await project(settings, log, reader)

    reader = await asyncpg.connect(settings.dsn, server_settings={"timezone": "UTC"})
    maintenance = Maintenance(Interrupting(connection, more_comes), await get_live_model(connection))
    await maintenance.refresh()
    assert await pending(reader) == 2
    await maintenance.refresh()
    assert await is_settled(reader)
    assert await read_model(reader) == await recount_log(log)
    async with running_query(settings) as query:
        assert await get_stats(query, bucket="day") == IsPartialDict(recount(events, "day"))
    await reader.close()


@pytest.mark.usefixtures("no_maintenance")
@pytest.mark.native_timescale
async def test_two_refreshes_of_one_model_take_turns(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    """Only on a native server: in WASM advisory locks exclude nothing."""
    await log_events(log, some_events(30))
    await project(settings, log, connection)
    model = await get_live_model(connection)
    other = await asyncpg.connect(settings.dsn)
    second: list[asyncio.Task[None]] = []

    async def another_begins() -> None:
        second.append(asyncio.create_task(Maintenance(other, model).refresh()))
        await log_events(log, some_events(5, seed=2))
        await project(settings, log, reader)

    reader = await asyncpg.connect(settings.dsn)
    await Maintenance(Interrupting(connection, another_begins), model).refresh()
    assert await pending(reader) in (0, 5)
    await second[0]
    assert await is_settled(reader)
    for one in (reader, other):
        await one.close()


async def test_a_model_is_verified_while_late_events_keep_arriving(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(50))
    await project_all(settings, log, connection)
    verifying = await asyncpg.connect(settings.dsn)
    async with running_projector(settings), late_stream(log, settings):

        async def some_are_late() -> bool:
            return await pending(connection) > 0

        await until(some_are_late)
        receipt = await verify(log, verifying)
        assert receipt.differences == []
        assert receipt.events > 50
    await verifying.close()


async def test_hours_with_pending_late_events_are_left_out_and_named(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.run.SETTLING", 0.5)
    await log_events(log, [event("click", number, ago(days=3, hours=number)) for number in range(20)])
    await project_all(settings, log, connection)
    stop_maintenance(monkeypatch)
    then = ago(days=3)
    await log_events(log, [event("click", 1, then) for _ in range(300)])
    await project(settings, log, connection)
    verifying = asyncio.create_task(_verified(settings, log))
    while not verifying.done():  # as if they were refreshed one by one
        await connection.execute("update model_1.late_ranges set events = greatest(events - 1, 1)")
    receipt = await verifying
    assert receipt.differences == []
    hour = then.replace(minute=0, second=0, microsecond=0)
    assert receipt.late_hours == [hour]
    assert receipt.tables["events_by_minute"].kept.events.total() == 19
    assert receipt.as_json()["late_hours"] == [hour.isoformat()]
    said = describe(receipt)
    assert f"not compared      rollups of the hour {hour:%Y-%m-%d %H}:00, where " in said
    assert said.endswith("agree with the log, except for the hours not compared")


async def _verified(settings: Settings, log: LogClient) -> Receipt:
    connection = await asyncpg.connect(settings.dsn)
    try:
        return await verify(log, connection)
    finally:
        await connection.close()


@pytest.mark.usefixtures("no_maintenance")
async def test_late_events_that_are_not_refreshed_are_a_difference(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.run.REFRESH_TIMEOUT", 0.5)
    await log_events(log, some_events(50))
    await project(settings, log, connection)
    assert (await verify(log, connection)).differences == [
        "late_ranges: 50 late events are not in the aggregates yet; is the projection service running?"
    ]
