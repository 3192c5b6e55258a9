"""The worker of declared projections: what users declare in a file counts right."""

import asyncpg

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_event, log_events
from tests.support.projections import (
    SHOP_NAMES,
    first_of_each,
    naive_carts,
    naive_last_seen,
    naive_revenue,
    running_projections,
    shop_events,
    shown_carts,
    shown_last_seen,
    shown_revenue,
    until_shown,
)
from tests.support.projector import running_projector


async def test_the_three_kinds_count_right(log: LogClient, shop: Settings, of_each_flavour: str) -> None:
    shop = shop.model_copy(update={"database": of_each_flavour})
    connection = await asyncpg.connect(of_each_flavour, server_settings={"timezone": "UTC"})
    sent = await log_events(log, shop_events(400))
    for one in sent[:20]:  # again, beyond what the log itself detects
        await log_event(log, one, f"again {one.event_id}")
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
        sent += await log_events(log, shop_events(100, seed=2))
        await until_shown(connection, SHOP_NAMES, (await log.state()).last_seq, task)
    counted = first_of_each(sent)
    assert await shown_carts(connection) == naive_carts(counted)
    assert await shown_last_seen(connection) == naive_last_seen(counted)
    assert {cell: one[:2] for cell, one in (await shown_revenue(connection)).items()} == {
        cell: one[:2] for cell, one in naive_revenue(counted).items()
    }
    await connection.close()
