"""Parked events of declared projections: a rollup is patched, a fold is built again."""

import asyncio
import json
from pathlib import Path

import asyncpg
import msgspec

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event
from tests.support.processes import run_tailrace
from tests.support.projections import (
    SHOP_NAMES,
    live,
    merge_sets,
    running_projections,
    until_shown,
)
from tests.support.projector import running_projector
from verification.rollups import verify_rollup

ORDER = '{"country":"DE","amount":{"cents":5}}'
UPCASTERS = """
UPCASTERS = {("order.completed", 1): lambda data: data, ("cart.added", 1): lambda data: data}
"""


async def tailrace(settings: Settings, *words: str, **variables: str) -> str:
    assert settings.projections is not None
    done = await asyncio.to_thread(
        run_tailrace, settings, *words, TAILRACE_PROJECTIONS=settings.projections, **variables
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_parked_events_count_after_their_cause_is_fixed(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    upcasters = tmp_path / "upcasters.py"
    upcasters.write_text(UPCASTERS)
    later = msgspec.structs.replace(event("order.completed", 7, data=ORDER), event_version=2)
    added = msgspec.structs.replace(event("cart.added", 7), event_version=2)
    for one in (event("order.completed", 8, data=ORDER), later, added, event("cart.added", 7)):
        await log_event(log, one)
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 4, task)
        listed = await tailrace(shop, "parked", "list", "--projection", "revenue", "--json")
        assert json.loads(listed)["seq"] == 2
        assert json.loads(listed)["code"] == "unknown_version"
        assert await connection.fetchval("select sum(orders) from revenue where level = 'day'") == 1

        fixed = {"TAILRACE_UPCASTERS": str(upcasters)}
        retried = await tailrace(shop, "parked", "retry", "--projection", "revenue", **fixed)
        assert retried == "entry 2: projected\n"
        await log_event(log, event("order.completed", 9, data=ORDER.replace("DE", "FR")))
        await until_shown(connection, SHOP_NAMES, 5, task)
        await merge_sets(connection, "revenue")
        rows = await connection.fetch(
            "select country, orders, cents::int, buyers from revenue where level = 'day' order by country"
        )
        assert rows == [("DE", 2, 10, 2), ("FR", 1, 5, 1)]

        assert await connection.fetch("select items from cart") == [(1,)]
        retried = await tailrace(shop, "parked", "retry", "--projection", "cart", **fixed)
        assert "an event of the past can't be applied to cart version 1 after newer ones" in retried
        assert "building cart again from the log" in retried
        await tailrace(shop, "cutover", "cart", "--no-verify")
        await until_shown(connection, ["cart"], 5, task)
        assert len(await connection.fetch("select 1 from cart")) == 1
    found = await verify_rollup(log, connection, await live(connection, "revenue"))
    assert found.position.seq == 5
