"""Large batches: the rows of one are sent while the one before is committed."""

import asyncpg
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, some_events
from tests.support.projector import running_projector, until_projected
from tests.support.recount import read_model, recount_log
from verification.run import verify

BATCH = 40


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("projection.store.COPY_FROM", BATCH // 2)
    return settings.model_copy(update={"batch_size": BATCH})


async def test_duplicates_across_batches_and_merges_count_once(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projection.user_sets.MERGE_EVENTS", 3 * BATCH)
    monkeypatch.setattr("projection.user_sets.MERGED_AT_ONCE", 7)
    events = await log_events(log, some_events(10 * BATCH))
    for one in events[:: BATCH // 3]:
        await log_event(log, one, f"again-{one.event_id}")
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
    assert await connection.fetchval("select count(*) from analytics_events") == len(events)
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []


async def test_refused_rows_in_consecutive_batches_are_parked_without_a_loss(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute("alter table model_1.analytics_events add constraint no_13 check (user_id % 50 <> 13)")
    await log_events(log, (event(user_id=number) for number in range(6 * BATCH)))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
    parked = [row["seq"] for row in await connection.fetch("select seq from parked_events order by seq")]
    assert parked == [14, 64, 114, 164, 214]
    assert (await verify(log, connection)).differences == []


@pytest.mark.parametrize("name", ["projection", "projection-ahead"])
async def test_batches_continue_after_one_of_both_connections_is_lost(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, name: str
) -> None:
    ended = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'tailrace-{name}'"
    lost = 0
    await log_events(log, some_events(BATCH))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        for seed in range(1, 4):
            await log_events(log, some_events(2 * BATCH, seed))
            lost += await connection.fetchval(ended)
        await until_projected(connection, log, task)
    assert lost
    assert await read_model(connection) == await recount_log(log)
