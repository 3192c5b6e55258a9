"""The example projections, as they stand in ``examples/``, on the real servers."""

from pathlib import Path

import asyncpg

import examples
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.projections import (
    live,
    merge_sets,
    naive_last_seen,
    naive_revenue,
    running_projections,
    shop_events,
    shown_last_seen,
    shown_revenue,
    until_shown,
)
from tests.support.projector import running_projector
from verification.rollups import verify_rollup

FOLDER = Path(examples.__path__[0]) / "projections"
NAMES = ("revenue", "cart", "last_seen")


async def test_the_examples_count_as_a_naive_recount(log: LogClient, settings: Settings, of_each_flavour: str) -> None:
    own = settings.model_copy(update={"database": of_each_flavour, "projections": str(FOLDER), "replay_share": 1.0})
    connection = await asyncpg.connect(of_each_flavour, server_settings={"timezone": "UTC"})
    sent = await log_events(log, shop_events(120))
    async with running_projector(own), running_projections(own) as task:
        await until_shown(connection, NAMES, 120, task)
    assert await shown_last_seen(connection) == naive_last_seen(sent)
    await merge_sets(connection, "revenue")
    assert await shown_revenue(connection) == naive_revenue(sent)
    assert (await verify_rollup(log, connection, await live(connection, "revenue"))).differences == []
    # the generated items have no price
    cart = await live(connection, "cart")
    items = [one for one in sent if one.event_type in ("cart.added", "cart.removed")]
    assert 0 < await connection.fetchval(f"select count(*) from {cart.schema}.parked_events") <= len(items)
    await connection.close()
