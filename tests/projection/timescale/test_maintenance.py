"""The timescale flavour: late events are pending until they are counted, and policies never undo each other."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import Event
from migrations.catalogue import get_live_model, list_models
from projection.cutover import cut_over
from projection.maintenance import DAY, HOUR, MINUTE, Maintenance, TimeRange, ranges_to_refresh
from projection.parked import ParkedEvents
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.projection.timescale.conftest import ago, days_of_events, is_settled, project_all, stop_maintenance
from tests.query.conftest import running_query
from tests.support.events import event, log_events, some_events
from tests.support.projector import project, running_projector, until_projected, verifier
from tests.support.recount import read_model, recount_log
from tests.support.stats_endpoint import get_stats, recount, rfc3339
from tests.support.timescale import drop_rows
from tests.support.waiting import until
from verification.run import verify

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_copied_batches_are_in_every_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projection.store.COPY_FROM", 1)
    await log_events(log, [*days_of_events(4), *some_events(50)])
    await project_all(settings.model_copy(update={"batch_size": 20}), log, connection)
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []


async def test_late_events_are_pending_until_they_are_in_every_count(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await log_events(log, some_events(100))
    async with running_query(settings) as query:
        await project_all(settings, log, connection)
        # no refresh runs now, as if the projector ended right after its commit
        stop_maintenance(monkeypatch)
        late = await log_events(log, some_events(30, seed=5))
        await project(settings, log, connection)
        answer = await get_stats(query, bucket="day")
        assert answer["as_of"]["late_pending"] == 30
        assert answer["totals"]["events"] == 130
        refused = await query.http.get("/stats", params={"settled": "true"}, timeout=20)
        assert (refused.status_code, refused.json()["detail"]) == (
            504,
            "settled: 30 late events are still pending after 5 s",
        )
        monkeypatch.undo()
        async with running_projector(settings):
            await until(lambda: is_settled(connection))
        answer = await get_stats(query, bucket="day", settled="true")
        assert answer["as_of"]["late_pending"] == 0
        assert answer == IsPartialDict(recount([*events, *late], "day"))


async def test_whenever_nothing_is_pending_the_answer_is_a_recount_of_its_position(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events: list[Event] = []
    async with running_projector(settings), running_query(settings) as query:
        for number in range(4):
            events += await log_events(
                log, [*some_events(20, seed=number), event("click", number, ago(minutes=number * 3))]
            )
            compared = False
            while not compared:
                answer = await get_stats(query, bucket="month", **{"from": "2020-01-01T00:00:00Z"})
                cursor = answer["as_of"]["cursor"]
                if cursor is None or answer["as_of"]["late_pending"]:
                    continue
                counted = int(cursor.split(":")[1])
                assert answer == IsPartialDict(recount(events[:counted], "month"))
                compared = counted == len(events)


async def test_recent_events_are_never_late(log: LogClient, settings: Settings, connection: asyncpg.Connection) -> None:
    await log_events(log, [event("click", user, ago(minutes=user)) for user in range(5)])
    async with running_projector(settings), running_query(settings) as query:
        await until_projected(connection, log)
        answer = await get_stats(query, **{"from": rfc3339(ago(hours=1))})
        assert answer["as_of"]["late_pending"] == 0
        assert answer["totals"] == {"events": 5, "users": 5}


async def counts_by_day(connection: "asyncpg.Connection") -> dict[datetime, int]:
    return dict(await connection.fetch("select bucket, sum(events)::bigint from events_by_day group by 1"))


async def test_a_refresh_after_retention_keeps_the_older_aggregates(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, days_of_events(20))
    await project_all(settings, log, connection)
    before = await counts_by_day(connection)
    model = await get_live_model(connection)
    raw_from = await drop_rows(Maintenance(connection, model), timedelta(days=8))
    await connection.execute("reset search_path")
    assert await connection.fetchval("select min(created_at) from analytics_events") >= raw_from
    assert await counts_by_day(connection) == before
    # late events on both sides of the retention limit, then everything is refreshed
    late = await log_events(log, [event("click", 900 + day, ago(days=day)) for day in (15, 7, 3)])
    await project_all(settings, log, connection)
    await Maintenance(connection, model).refresh()
    after = await counts_by_day(connection)
    assert sum(after.values()) == sum(before.values()) + 2
    assert {day: count for day, count in after.items() if day < raw_from} == {
        day: count for day, count in before.items() if day < raw_from
    }
    [parked] = await (await ParkedEvents.of(connection)).list()
    assert (parked.event_id, parked.code) == (late[0].event_id, "before_retention")
    receipt = await verify(log, connection)
    assert receipt.differences == []
    assert receipt.parked == 1


async def test_whole_hours_of_dropped_rows_are_answered(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, days_of_events(12))
    await project_all(settings, log, connection)
    await drop_rows(Maintenance(connection, await get_live_model(connection)), timedelta(days=5))
    async with running_query(settings) as query:
        start = ago(days=11).replace(minute=0, second=0, microsecond=0)
        answer = await get_stats(query, bucket="day", **{"from": rfc3339(start)})
        assert answer == IsPartialDict(recount([one for one in events if one.created_at >= start], "day"))
        refused = await query.http.get("/stats", params={"from": rfc3339(start + timedelta(minutes=1))})
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("from: before ")


async def test_rows_are_not_dropped_before_their_counts_are_final(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_maintenance(monkeypatch)
    await log_events(log, days_of_events(12))
    await project(settings, log, connection)
    maintenance = Maintenance(connection, await get_live_model(connection))
    assert await maintenance.drop_rows(timedelta(days=5)) is None
    assert await connection.fetchval("select count(*) from analytics_events") == 72
    await maintenance.refresh()
    await drop_rows(maintenance, timedelta(days=5))
    assert await connection.fetchval("select count(*) from analytics_events") < 72
    assert await maintenance.drop_rows(timedelta(days=5)) is None


async def test_a_replay_refreshes_once_at_its_end_and_is_complete(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, days_of_events(10))
    await project_all(settings, log, connection)
    done = await replay(log, settings, asyncio.Event(), candidate=True)
    assert done.finished
    assert await connection.fetchval("select count(*) from model_2.late_ranges") == 0
    model = (await list_models(connection))[1]
    receipt = await verify(log, connection, model=model)
    assert receipt.differences == []
    assert (await cut_over(log, connection, verifier(log, connection))).new.live
    again = await verify(log, connection)
    assert (again.model, again.table_digest) == ("model_2", receipt.table_digest)
    assert await read_model(connection) == await recount_log(log)


async def test_a_candidate_of_the_other_flavour_can_be_built_and_shown(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(80))
    await project_all(settings, log, connection)
    plain = settings.model_copy(update={"flavour": "postgres"})
    assert (await replay(log, plain, asyncio.Event(), candidate=True)).finished
    async with running_query(settings) as query:
        timescale = await get_stats(query, bucket="hour")
        await cut_over(log, connection, verifier(log, connection))
        postgres = await get_stats(query, bucket="hour")
        assert (await get_live_model(connection)).flavour == "postgres"
        assert postgres == timescale | {"as_of": postgres["as_of"]}
        assert postgres == IsPartialDict(recount(events, "hour"))


@pytest.mark.native_timescale
async def test_a_running_refresh_does_not_change_an_open_snapshot(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    """Only on a native server: in WASM all connections share one backend, so nothing runs during a transaction."""
    await log_events(log, some_events(200))
    await project_all(settings, log, connection)
    model = await get_live_model(connection)
    query = "select sum(events)::bigint from public.events_by_{}"
    levels = ("minute", "hour", "day")
    planned = await asyncpg.connect(settings.dsn)
    for level in levels:
        await planned.fetchval(query.format(level))
    fresh = await asyncpg.connect(settings.dsn)
    await log_events(log, [event("click", 1, ago(minutes=minutes)) for minutes in range(60)])
    await project(settings, log, connection)
    async with (
        planned.transaction(isolation="repeatable_read", readonly=True),
        fresh.transaction(isolation="repeatable_read", readonly=True),
    ):
        for reader in (planned, fresh):
            await reader.fetchval("select seq from public.projection_position")
        before = {level: await planned.fetchval(query.format(level)) for level in levels}
        await Maintenance(connection, model).refresh()
        for reader in (planned, fresh):
            assert {level: await reader.fetchval(query.format(level)) for level in levels} == before
    await planned.close()
    await fresh.close()


@pytest.mark.native_timescale
async def test_every_answer_is_exact_while_a_refresh_runs(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only on a native server, as above."""
    stop_maintenance(monkeypatch)
    await log_events(log, (event("click", number, ago(days=3, minutes=number)) for number in range(2_000)))
    await project(settings, log, connection)
    reader = await asyncpg.connect(settings.dsn)
    refreshing = asyncio.create_task(Maintenance(connection, await get_live_model(connection)).refresh())
    seen = 0
    while not refreshing.done() or not seen:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            for level in ("minute", "hour", "day"):
                assert await reader.fetchval(f"select sum(events)::bigint from public.events_by_{level}") == 2_000
        seen += 1
    await refreshing
    await reader.close()


@pytest.mark.native_timescale
async def test_rows_are_not_dropped_under_an_open_snapshot(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only on a native server, as above."""
    monkeypatch.setattr("projection.maintenance.SNAPSHOTS_TIMEOUT", 0.2)
    await log_events(log, days_of_events(12))
    await project_all(settings, log, connection)
    maintenance = Maintenance(connection, await get_live_model(connection))
    reader = await asyncpg.connect(settings.dsn)
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        assert await reader.fetchval("select raw_from from public.projection_position") is None
        assert await maintenance.drop_rows(timedelta(days=5)) is None
        assert await reader.fetchval("select count(*) from public.analytics_events") == 72
    await drop_rows(maintenance, timedelta(days=5))
    assert await reader.fetchval("select count(*) from public.analytics_events") < 72
    await reader.close()


times = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9)).map(lambda time: time.replace(tzinfo=UTC))
hours = times.map(lambda time: time.replace(minute=0, second=0, microsecond=0))
days = times.map(lambda time: time.replace(hour=0, minute=0, second=0, microsecond=0))


@given(
    late=st.sets(hours, max_size=12),
    bucket=st.sampled_from([MINUTE, HOUR, DAY]),
    materialized=st.none() | days,
    end=days,
    raw_from=st.none() | days,
)
def test_refreshes_leave_nothing_out_and_never_reach_dropped_rows(
    late: set[datetime], bucket: timedelta, materialized: datetime | None, end: datetime, raw_from: datetime | None
) -> None:
    found = ranges_to_refresh(late, bucket, materialized, end, raw_from)
    if materialized is None:
        assert found == [TimeRange(None, end)]
        return
    for found_range in found:
        assert found_range.start is not None
        assert found_range.start < found_range.end <= end
        assert raw_from is None or found_range.start >= raw_from
        for edge in found_range:
            assert edge is not None
            assert (edge - NOON) % bucket == timedelta(0) or bucket == DAY
    for found_range, following in pairwise(found):
        assert following.start is not None
        assert found_range.end < following.start
    covered: Any = [*late, *([materialized] if materialized < end else [])]
    for time in covered:
        if time < end and (raw_from is None or time >= raw_from):
            assert any(
                found_range.start <= time < found_range.end for found_range in found if found_range.start is not None
            )
