"""Projections after ``tailrace log new-epoch``: refused by name, built again from the new history, then dropped."""

import asyncio
import json

import asyncpg
import pytest

from contracts.errors import ForeignHistoryError
from migrations.stream_metadata import new_epoch
from projection.cutover import cut_over, drop_old
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.projection.declared.test_versions import tailrace
from tests.support.events import log_events
from tests.support.projections import (
    SHOP_NAMES,
    naive_carts,
    naive_last_seen,
    running_projections,
    shop_events,
    shown_carts,
    shown_last_seen,
    until_failed,
    until_shown,
)
from tests.support.projector import project, running_projector, until_projected


async def ledgers(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("select nspname from pg_namespace where nspname like 'ledger%' order by 1")
    return [row[0] for row in rows]


async def test_projections_of_an_earlier_epoch_stop_and_are_built_again_from_the_new_one(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(60))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 60, task)
    before = await shown_carts(connection)
    _, epoch = await new_epoch(log)
    sent += await log_events(log, shop_events(40, seed=2))
    assert (await replay(log, shop, asyncio.Event(), candidate=True)).finished
    assert (await cut_over(log, connection)).new.live
    await project(shop, log, connection)

    async with running_projector(shop), running_projections(shop) as task:
        for name in SHOP_NAMES:
            reason = await until_failed(connection, name)
            assert f"this is the log {epoch}: `tailrace replay {name}` builds it from this log" in reason
        assert await shown_carts(connection) == before  # readers keep the rows of the old history
        await drop_old(connection)
        assert await ledgers(connection) == ["ledger_1", "ledger_2"]
        for name in SHOP_NAMES:
            await tailrace(shop, "replay", name)
            await tailrace(shop, "cutover", name)
            await tailrace(shop, "drop-old", name)
        assert await ledgers(connection) == ["ledger_2"]
        sent += await log_events(log, shop_events(20, seed=3))
        await until_shown(connection, SHOP_NAMES, 120, task)
        await until_projected(connection, log)
        shown = json.loads(await tailrace(shop, "status", "--json", "--max-lag", "1000"))
    assert [one["state"] for one in shown["projections"]] == ["live"] * 3
    assert await shown_carts(connection) == naive_carts(sent)
    assert await shown_last_seen(connection) == naive_last_seen(sent)


async def test_a_running_worker_stops_when_a_new_epoch_is_declared(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, shop_events(20))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 20, task)
        await new_epoch(log)
        with pytest.raises(ForeignHistoryError, match="of another log"):
            await asyncio.wait_for(task, 30)
