"""``tailrace projection check``: what depends on batches or on the clock is found, what does not passes."""

from pathlib import Path

import asyncpg
import pytest

from projection.declared.check import check_projection
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.projections import SHOP_NAMES, declare, live, running_projections, shop_events, until_shown
from tests.support.projector import running_projector

BATCHES = """
from tailrace import Sql

class Checked(Sql):
    version = 1
    events = ["*"]
    tables = "create table checked (seq bigint primary key, n bigint not null)"
    apply = "insert into checked select max(seq), count(*) from batch"
"""
CLOCK = """
from datetime import date
from tailrace import Fold

class Checked(Fold):
    version = 1
    events = ["*"]
    key = {"user_id": int}
    columns = {"day": str}
    def evolve(self, row, event):
        return {"day": date.today().isoformat()}
"""


async def test_the_projections_of_the_design_pass(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, shop_events(60))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 60, task)
    for name in SHOP_NAMES:
        assert await check_projection(log, shop, connection, await live(connection, name)) == []


@pytest.mark.parametrize(("text", "found"), [(BATCHES, "batches of 7: checked"), (CLOCK, "under a clock of another")])
async def test_what_depends_on_batches_or_on_the_clock_is_found(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, text: str, found: str
) -> None:
    assert shop.projections is not None
    declare(Path(shop.projections), text, "checked")
    await log_events(log, shop_events(30))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, ["checked"], 30, task)
    differences = await check_projection(log, shop, connection, await live(connection, "checked"))
    assert any(found in difference for difference in differences)
