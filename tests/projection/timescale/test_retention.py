"""Retention as a setting of the service, and what is verified once rows were dropped."""

from datetime import timedelta

import asyncpg
import pytest
from dirty_equals import IsStr

from migrations.catalogue import get_live_model
from projection.maintenance import Maintenance
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.projection.timescale.conftest import ago, days_of_events, project_all
from tests.support.events import event, log_events
from tests.support.projector import merge_user_sets, running_projector
from tests.support.timescale import drop_rows
from tests.support.waiting import until
from verification.run import verify


async def test_the_service_drops_rows_that_are_older_than_its_retention(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, days_of_events(12))
    await project_all(settings, log, connection)
    rows = "select count(*) from analytics_events where created_at < $1"
    assert await connection.fetchval(rows, ago(days=7)) > 0

    async def dropped() -> bool:
        raw_from = await connection.fetchval("select raw_from from projection_position")
        return raw_from is not None and await connection.fetchval(rows, raw_from) == 0

    async with running_projector(settings.model_copy(update={"retention_days": 5.0})):
        await until(dropped)
    raw_from = await connection.fetchval("select raw_from from projection_position")
    assert ago(days=6, minutes=5) <= raw_from <= ago(days=5)
    assert await connection.fetchval("select sum(events) from events_by_day") == 72


@pytest.fixture
async def dropped(log: LogClient, settings: Settings, connection: asyncpg.Connection) -> asyncpg.Connection:
    """A model of 12 days whose rows are kept for 5, and of which a late event was parked."""
    await log_events(log, days_of_events(12))
    await project_all(settings, log, connection)
    await drop_rows(Maintenance(connection, await get_live_model(connection)), timedelta(days=5))
    await connection.execute("reset search_path")
    await log_events(log, [event("click", 900, ago(days=10)), event("click", 901, ago(days=2))])
    await project_all(settings, log, connection)
    return connection


async def materialized(connection: "asyncpg.Connection", aggregate: str) -> str:
    """The table that a continuous aggregate keeps its cells in."""
    name: str = await connection.fetchval(
        "select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
        " from timescaledb_information.continuous_aggregates where view_name = $1",
        aggregate,
    )
    return name


async def test_rollups_of_dropped_rows_agree_with_the_log(log: LogClient, dropped: asyncpg.Connection) -> None:
    receipt = await verify(log, dropped)
    assert receipt.differences == []
    assert (receipt.parked, receipt.events) == (1, 73)
    for relation, (logged, kept) in receipt.tables.items():
        assert (logged.total, logged.events) == (kept.total, kept.events)
        assert kept.events.total() == (73 if relation != "analytics_events" else 73 - 7 * 6)


OLDEST = "bucket = (select min(bucket) from {table})"


@pytest.mark.parametrize(
    ("aggregate", "change", "named"),
    [
        (
            "events_by_minute",
            "bucket = bucket + interval '1 minute'",
            r"it says 6 events, the log 6, but not in the same.*",
        ),
        (
            "events_by_hour",
            "bucket = bucket + interval '1 minute'",
            r"it says 6 events, the log 6, but not in the same.*",
        ),
        ("events_by_hour", "events = events + 1", r"it says 7 events, the log 6"),
        ("events_by_day", "events = events - 1", r"it says 5 events, the log 6"),
    ],
)
async def test_changed_counts_of_dropped_rows_are_named(
    log: LogClient, dropped: asyncpg.Connection, aggregate: str, change: str, named: str
) -> None:
    table = await materialized(dropped, aggregate)
    await dropped.execute(f"update {table} set {change} where {OLDEST.format(table=table)}")
    differences = (await verify(log, dropped)).differences
    assert IsStr(regex=rf"{aggregate}, \d+-\d+-\d+ click: {named}") in differences, differences


async def test_an_event_parked_as_too_old_must_be_too_old(log: LogClient, dropped: asyncpg.Connection) -> None:
    await dropped.execute("update model_1.parked_events set seq = 74")
    differences = (await verify(log, dropped)).differences
    assert "parked_events: log entry 74 is there, but nothing is wrong with it" in differences, differences


async def test_all_time_counts_and_users_agree_with_the_log_after_rows_were_dropped(
    log: LogClient, settings: Settings, dropped: asyncpg.Connection
) -> None:
    await merge_user_sets(settings.dsn)
    await dropped.execute("update ledger_1.users set user_id = 7777 where user_id = 1")
    oldest = "(select min(bucket) from model_1.user_sets where level = 2)"
    await dropped.execute(f"delete from model_1.user_sets where level = 2 and bucket = {oldest}")
    await dropped.execute("update model_1.all_time set users = users + 1 where event_type = 'click'")
    assert (await verify(log, dropped)).differences == [
        "all_time, click: it says 73 events of 74 users, the log 73 of 73",
        "users: user 1 is missing",
        "user_sets, all time all types: user 1 is missing",
        "user_sets, all time click: user 1 is missing",
        IsStr(regex="user_sets, day .* all types: user 1 is missing"),
        IsStr(regex="user_sets, day .* click: user 1 is missing"),
        IsStr(regex="user_sets, hour .* all types: user 0 is missing"),
        IsStr(regex=r"user_sets: \d+ more sets differ"),
    ]
