"""Repeated kill -9 of the worker, with duplicates, late events and a replay: every projection still counts right."""

import asyncio
import random

import asyncpg
import pytest

from contracts.events import Event
from projection.declared.cutover import choose, swap
from projection.declared.replay import replay_projection
from projection.declared.verify import verify_projection
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_event
from tests.support.projections import (
    SHOP_NAMES,
    first_of_each,
    fork_projections,
    live,
    merge_sets,
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
from verification.rollups import verify_rollup

KILLS = 20
WASM_KILLS = 5
"""On the WASM build of TimescaleDB each start of a worker takes seconds."""


async def load(log: LogClient, done: asyncio.Event, pause: float) -> list[Event]:
    """Appends events of any time and duplicates until the stop; returns all of them in the order of the log."""
    sent: list[Event] = []
    for one in shop_events(1_000_000):
        if done.is_set():
            break
        await log_event(log, one)
        sent.append(one)
        if len(sent) % 20 == 0:  # beyond the log's deduplication window
            await log_event(log, one, f"again-{len(sent)}")
            sent.append(one)
        await asyncio.sleep(pause)
    return sent


@pytest.mark.timeout(300)
async def test_kill_minus_9_under_load_changes_no_number(log: LogClient, shop: Settings, of_each_flavour: str) -> None:
    settings = shop.model_copy(update={"database": of_each_flavour, "batch_size": 20})
    connection = await asyncpg.connect(of_each_flavour, server_settings={"timezone": "UTC"})
    wasm = "postgres@" in of_each_flavour
    kills = WASM_KILLS if wasm else KILLS
    chance = random.Random(9)
    done = asyncio.Event()
    async with running_projector(settings):
        # no faster than the WASM server projects 20 events a batch: what waits would grow without bound
        loading = asyncio.create_task(load(log, done, pause=0.03 if wasm else 0.002))
        replaying: asyncio.Task[object] | None = None
        for kill in range(kills):
            worker = fork_projections(settings)
            if kill == 0:
                await until_shown(connection, SHOP_NAMES, 1, timeout=120)
            # not on the WASM server, whose sessions share their locks: the worker would build along
            if kill == kills // 2 and not wasm:
                replaying = asyncio.create_task(replay_projection(log, settings, asyncio.Event(), "cart"))
            before = await connection.fetchval("select seq from projection_2.projection_position")
            async with asyncio.timeout(30):
                while await connection.fetchval("select seq from projection_2.projection_position") == before:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0, 0.05))  # the kill lands anywhere in a batch
            worker.kill()
            await asyncio.to_thread(worker.join)
        done.set()
        sent = await loading
        last = (await log.state()).last_seq
        async with running_projections(settings) as task:
            if replaying is not None:
                await replaying
            await until_shown(connection, SHOP_NAMES, last, task, timeout=150)
            if replaying is not None:
                await swap(connection, await choose(connection, "cart", "cutover"))
            await until_shown(connection, SHOP_NAMES, last, task, timeout=150)
    counted = first_of_each(sent)
    await merge_sets(connection, "revenue")
    assert await shown_carts(connection) == naive_carts(counted)
    assert await shown_last_seen(connection) == naive_last_seen(counted)
    assert await shown_revenue(connection) == naive_revenue(counted)
    for name in ("cart", "last_seen"):
        assert (await verify_projection(log, settings, connection, await live(connection, name))).differences == []
    assert (await verify_rollup(log, connection, await live(connection, "revenue"))).differences == []
    await connection.close()
