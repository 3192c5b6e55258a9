"""Sets of users: appended with each batch, merged from time to time, with the same result at any time."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.cursors import Cursor
from contracts.upcasting import NO_UPCASTERS
from migrations.catalogue import Model
from migrations.user_sets import ALL, ALL_TYPES, SECONDS, Cell, cells_of, pack_users, unpack_users
from projection.decode import decode
from projection.parked import ParkedEvents
from projection.store import Store
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tests.support.events import event, log_events, some_events
from tests.support.projector import merge_user_sets, running_projector, until_projected
from verification.run import verify

MODEL = Model("model_1", "postgres", live=True, state="ready")
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.lists(st.tuples(TIMES, st.sampled_from("abc"), st.integers(0, 2**32 - 1)), max_size=30))
def test_packed_users_are_in_the_set_of_every_level(users: list[tuple[datetime, str, int]]) -> None:
    expected: dict[Cell, set[int]] = defaultdict(set)
    for at, event_type, ordinal in users:
        for one in (event_type, ALL_TYPES):
            expected[Cell(ALL, 0, one)].add(ordinal)
            for level, seconds in SECONDS.items():
                if level != 3 or one:
                    expected[Cell(level, int(at.timestamp()) // seconds * seconds, one)].add(ordinal)
    found = cells_of(unpack_users(*pack_users(*zip(*users, strict=True)))) if users else {}
    assert {cell: set(members) for cell, members in found.items()} == expected


@pytest.mark.parametrize("merge_events", [1, 45, 10_000])
async def test_merged_and_recent_users_together_are_those_of_the_log(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    merge_events: int,
) -> None:
    monkeypatch.setattr("projection.user_sets.MERGE_EVENTS", merge_events)
    await log_events(log, some_events(200))
    async with running_projector(settings.model_copy(update={"batch_size": 20})) as task:
        await until_projected(connection, log, task)
    assert (await verify(log, connection)).differences == []
    await merge_user_sets(settings.dsn)
    assert (await verify(log, connection)).differences == []
    assert await connection.fetchval("select count(*) from set_log") == 0
    assert await connection.fetchval("select count(*) from pages_set_log") == 0


async def test_hours_and_days_have_their_distinct_users_in_sql(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(200))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
    await merge_user_sets(settings.dsn)
    for view, length in (("users_by_hour", timedelta(hours=1)), ("users_by_day", timedelta(days=1))):
        expected: dict[tuple[datetime, str], set[int]] = defaultdict(set)
        for one in events:
            seconds = length.total_seconds()
            start = datetime.fromtimestamp(one.created_at.timestamp() // seconds * seconds, UTC)
            if one.user_id is not None:
                expected[start, one.event_type].add(one.user_id)
                expected[start, ""].add(one.user_id)
        rows = await connection.fetch(f"select bucket, event_type, users, seq from {view}")
        assert {(row[0], row[1]): row[2] for row in rows} == {key: len(users) for key, users in expected.items()}
        assert {row["seq"] for row in rows} == {200}


async def test_an_event_without_a_user_counts_as_an_event_and_belongs_to_no_set(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event("signed", 7), event("signed", None), event("unsigned", None)])
    for batch in (600, 1):  # copied, and sent as arrays
        await log_events(log, [event("unsigned", None) for _ in range(batch)])
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
    counts = {row["event_type"]: tuple(row)[1:] for row in await connection.fetch("select * from all_time")}
    assert counts == {"": (604, 1), "signed": (2, 1), "unsigned": (602, 0)}
    await merge_user_sets(settings.dsn)
    assert await connection.fetchval("select array_agg(user_id) from users") == [7]
    types = await connection.fetchval("select array_agg(distinct event_type) from user_sets")
    assert types == ["", "signed"]
    assert (await verify(log, connection)).differences == []


async def test_a_projector_that_another_one_replaced_merges_without_its_stale_sets(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, database: str
) -> None:
    await log_events(log, some_events(120))
    start = Cursor((await log.state()).epoch, 0)
    entries = await LogReader(log, start).read(200, 1)
    other = await asyncpg.connect(database, server_settings={"search_path": MODEL.search_path})
    await connection.execute(f"set search_path = {MODEL.search_path}")
    stores = [Store(connection, MODEL), Store(other, MODEL)]
    position = start
    for turn, first in enumerate(range(0, 120, 20)):
        batch = decode(entries[first : first + 20], NO_UPCASTERS)
        await stores[turn % 2].commit(batch, position)
        position = batch.position(position.epoch)
        await stores[turn // 2 % 2].merge()
        stores[turn % 2] = Store((connection, other)[turn % 2], MODEL) if turn == 3 else stores[turn % 2]
    await connection.execute("reset search_path")
    assert (await verify(log, connection)).differences == []
    await other.close()


async def test_a_retried_event_is_in_the_sets_of_a_projector_that_merged_before(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute("alter table model_1.analytics_events add constraint no_7 check (user_id <> 7)")
    await log_events(log, some_events(150))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await merge_user_sets(settings.dsn)
        await connection.execute("alter table model_1.analytics_events drop constraint no_7")
        retrying = await asyncpg.connect(settings.dsn)
        parked = await ParkedEvents.of(retrying)
        assert [one.reason async for one in parked.retry()].count(None) > 0
        await log_events(log, some_events(50, seed=2))
        await until_projected(connection, log, task)
        await retrying.close()
    assert (await verify(log, connection)).differences == []
    await merge_user_sets(settings.dsn)
    assert (await verify(log, connection)).differences == []
