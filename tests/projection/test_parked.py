"""Parked events: listed, and projected in their place once the cause is fixed."""

import asyncio
import json
import subprocess

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError
from projection.parked import ParkedEvents, Retried
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, log_raw, some_events
from tests.support.processes import run_tailrace
from tests.support.projector import running_projector, until_projected
from tests.support.recount import read_model, recount_log
from verification.run import verify

CAUSE = "alter table model_1.analytics_events add constraint no_666 check (user_id <> 666)"
FIX = "alter table model_1.analytics_events drop constraint no_666"


@pytest.fixture
async def parked(log: LogClient, settings: Settings, connection: asyncpg.Connection) -> ParkedEvents:
    """Entry 11 is garbage; 12 and 13 are parked for a cause that can be fixed, and 14 is a duplicate of 13."""
    await connection.execute(CAUSE)
    await log_events(log, some_events(10))
    await log_raw(log, b"garbage \xff")
    await log_event(log, event("page_view", user_id=666))
    one = event("click", user_id=666)
    await log_event(log, one)
    await log_event(log, event("click", user_id=1, event_id=one.event_id), "again")
    await log_events(log, some_events(10, seed=2))
    async with running_projector(settings):
        await until_projected(connection, log)
    return await ParkedEvents.of(connection)


async def retried(parked: ParkedEvents, **options: object) -> list[Retried]:
    return [one async for one in parked.retry(**options)]  # type: ignore[arg-type]


async def test_a_retry_changes_nothing_before_the_cause_is_fixed(
    log: LogClient, parked: ParkedEvents, connection: asyncpg.Connection
) -> None:
    before = await read_model(connection)
    assert await retried(parked) == [
        Retried(11, IsStr(regex=".*not valid JSON.*")),  # type: ignore[arg-type]
        Retried(12, IsStr(regex=".*no_666.*")),  # type: ignore[arg-type]
        Retried(13, IsStr(regex=".*no_666.*")),  # type: ignore[arg-type]
    ]
    assert await read_model(connection) == before
    assert await connection.fetchval("select revision from projection_position") == 0


async def test_a_retry_after_the_fix_projects_each_event_once_in_its_place(
    log: LogClient, parked: ParkedEvents, connection: asyncpg.Connection
) -> None:
    await connection.execute(FIX)
    assert [one.seq for one in await retried(parked) if one.reason is None] == [12, 13]
    assert [one.seq for one in await parked.list()] == [11]
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []
    assert await connection.fetchval("select revision from projection_position") == 2
    assert [one.seq for one in await retried(parked)] == [11]


async def test_a_dry_run_reports_and_stores_nothing(parked: ParkedEvents, connection: asyncpg.Connection) -> None:
    await connection.execute(FIX)
    before = await read_model(connection)
    assert [one.seq for one in await retried(parked, dry_run=True) if one.reason is None] == [12, 13]
    assert await read_model(connection) == before
    assert [one.seq for one in await parked.list()] == [11, 12, 13]


async def test_until_excludes_later_entries(
    log: LogClient, parked: ParkedEvents, connection: asyncpg.Connection
) -> None:
    await connection.execute(FIX)
    entry = await log.get(12)
    assert entry is not None
    end = entry.cursor((await log.state()).epoch)
    assert [one.seq for one in await retried(parked, until=end)] == [11, 12]
    with pytest.raises(ForeignHistoryError):
        await retried(parked, until=Cursor("elsewhere", 12, end.fingerprint))


async def test_a_retry_while_the_projector_runs_counts_everything_once(
    log: LogClient, settings: Settings, parked: ParkedEvents, connection: asyncpg.Connection
) -> None:
    await connection.execute(FIX)
    async with running_projector(settings.model_copy(update={"batch_size": 5})) as task:
        sending = asyncio.create_task(log_events(log, some_events(200, seed=3)))
        await retried(parked)
        await sending
        await until_projected(connection, log, task)
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []


async def test_the_commands_list_show_and_retry(
    settings: Settings, parked: ParkedEvents, connection: asyncpg.Connection
) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_tailrace(settings, "parked", *arguments)

    listed = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert [one["seq"] for one in listed] == [11, 12, 13]
    assert "invalid_json" in run("list").stdout
    shown = json.loads(run("show", "11").stdout)
    assert shown == IsPartialDict(seq=11, event_id=None, code="invalid_json", payload="garbage \\xff")
    missing = run("show", "1")
    assert (missing.returncode, "log entry 1 is not parked" in missing.stderr) == (1, True)
    await connection.execute(FIX)
    assert "2 would be projected, 1 still parked" in run("retry", "--dry-run").stdout
    assert "2 projected, 1 still parked" in run("retry").stdout
