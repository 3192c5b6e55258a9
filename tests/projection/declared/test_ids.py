"""An id that is logged twice counts for its first entry, also where a projection does not read that entry's type."""

import asyncio

import asyncpg

from projection.declared.cutover import choose, swap
from projection.declared.replay import replay_projection
from projection.declared.verify import verify_projection
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event
from tests.support.projections import SHOP_NAMES, live, running_projections, until_shown
from tests.support.projector import running_projector
from verification.rollups import verify_rollup

ORDERS = "select orders, cents::int from revenue where level = 'day'"


async def test_an_id_that_was_first_logged_under_a_type_that_is_not_read_counts_for_that_one(
    log: LogClient, shop: Settings, of_each_flavour: str
) -> None:
    shop = shop.model_copy(update={"database": of_each_flavour})
    connection = await asyncpg.connect(of_each_flavour)
    viewed, other = event("page_view", 1), event("page_view", 2)
    order = '{"country":"DE","amount":{"cents":5}}'
    await log_event(log, viewed)
    await log_event(log, other)
    # another message id: the log's deduplication window has passed
    await log_event(log, event("order.completed", 1, data=order, event_id=viewed.event_id), "again")
    await log_event(log, event("cart.added", 2, event_id=other.event_id), "once more")
    await log_event(log, event("order.completed", 2, data=order.replace("5", "7")))
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 5, task)
        shown = await connection.fetch(ORDERS), await connection.fetch("select * from cart")
        assert shown == ([(1, 7)], [])
        # without a worker: sessions of the WASM server share their locks
        for name in SHOP_NAMES:
            await replay_projection(log, shop, asyncio.Event(), name)
            await swap(connection, await choose(connection, name, "cutover"))
    assert (await connection.fetch(ORDERS), await connection.fetch("select * from cart")) == shown
    assert (await verify_rollup(log, connection, await live(connection, "revenue"))).differences == []
    for name in ("cart", "last_seen"):
        assert (await verify_projection(log, shop, connection, await live(connection, name))).differences == []
    await connection.close()
