"""Declared projections for tests: files, the worker in this process or in one of its own, and naive recounts."""

import asyncio
import json
import logging
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import asyncpg

from contracts.events import Event
from migrations.projections import DeclaredModel, list_projections
from projection.declared import service, watchdog
from projection.declared.rollup_users import RollupUsers
from runtime.settings import Settings
from tailrace.declared import RollupDefinition, decode_definition
from tests.support.events import BASE, event
from tests.support.processes import fork

SHOP = '''
from datetime import datetime
from tailrace import Count, Fold, Rollup, Sql, Sum, Users

class Revenue(Rollup):                       # declared: counts per bucket and dimensions
    """Orders and revenue by country."""
    version = 1
    events = ["order.completed"]
    by = {"country": "event_data.country"}
    every = ["hour", "day"]
    orders, cents, buyers = Count(), Sum("event_data.amount.cents"), Users()

class Cart(Fold):                            # Python: one row per key
    version = 1
    events = ["cart.*", "checkout.completed"]
    key = {"user_id": int}
    columns = {"items": int, "since": datetime}
    def evolve(self, row, event):            # row | None -> row | None (None: no row)
        if event.event_type == "checkout.completed":
            return None
        return {"items": (row["items"] if row else 0) + 1, "since": row["since"] if row else event.created_at}

class LastSeen(Sql):                         # set-based, at full speed
    version = 1
    events = ["*"]
    tables = "create table last_seen (user_id bigint primary key, at timestamptz not null)"
    apply = """insert into last_seen select user_id, max(created_at) from batch where user_id is not null group by 1
               on conflict (user_id) do update set at = greatest(last_seen.at, excluded.at)"""
'''
"""The three classes of the design, as they stand there."""
SHOP_NAMES = ("revenue", "cart", "last_seen")


def declare(folder: Path, text: str = SHOP, name: str = "shop") -> Path:
    """Writes a file of projections and returns its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return folder


@asynccontextmanager
async def running_projections(settings: Settings) -> AsyncIterator["asyncio.Task[None]"]:
    """Runs the worker of projections in this process."""
    stop = asyncio.Event()
    task = asyncio.create_task(service.serve(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.wait([task])


def fork_projections(settings: Settings, *, batch_timeout: float = 30.0) -> ForkServerProcess:
    """Starts the worker in a process that the caller ends, fast enough to be killed often."""
    return fork(_serve_fast, settings, batch_timeout)


def _serve_fast(settings: Settings, batch_timeout: float) -> None:
    service.CATALOGUE_INTERVAL = 0.05
    watchdog.BATCH_TIMEOUT = batch_timeout
    logging.disable(logging.WARNING)
    asyncio.run(service.serve(settings))


async def builds(connection: "asyncpg.Connection", name: str) -> list[DeclaredModel]:
    return await list_projections(connection, name)


async def live(connection: "asyncpg.Connection", name: str) -> DeclaredModel:
    return next(model for model in await builds(connection, name) if model.live)


async def until_shown(
    connection: "asyncpg.Connection",
    names: Iterable[str],
    seq: int,
    task: "asyncio.Task[None] | None" = None,
    *,
    timeout: float = 60,
) -> None:
    """Waits until each projection is live and at log entry ``seq``; raises what the worker raises."""
    async with asyncio.timeout(timeout):
        for name in names:
            while not await _is_shown(connection, name, seq):
                if task is not None and task.done():
                    task.result()
                await asyncio.sleep(0.02)


async def until_failed(connection: "asyncpg.Connection", name: str, *, timeout: float = 60) -> str:
    """Waits until the newest build of a projection has failed, and returns why."""
    async with asyncio.timeout(timeout):
        while True:
            found = await builds(connection, name)
            if found and found[-1].error is not None:
                return found[-1].error
            await asyncio.sleep(0.02)


async def _is_shown(connection: "asyncpg.Connection", name: str, seq: int) -> bool:
    for model in await builds(connection, name):
        assert model.error is None, model.error
        if model.live:
            position = await connection.fetchval(f"select seq from {model.schema}.projection_position")
            return bool(position >= seq)
    return False


def shop_events(count: int, seed: int = 1) -> Iterator[Event]:
    """Yields events of a shop within three days, in no order of time."""
    chance = random.Random(seed)
    types = ("order.completed", "cart.added", "cart.removed", "checkout.completed", "page_view")
    for _ in range(count):
        at = BASE + timedelta(seconds=chance.randrange(3 * 86_400))
        country = chance.choice(('"DE"', '"FR"', "null"))
        data = f'{{"country":{country},"amount":{{"cents":{chance.randrange(10_000)}}}}}'
        yield event(chance.choice(types), chance.randrange(20), at, data)


async def merge_sets(connection: "asyncpg.Connection", name: str) -> None:
    """Merges the users of recent batches, which the worker does from time to time."""
    model = await live(connection, name)
    definition = decode_definition(model.definition)
    assert isinstance(definition, RollupDefinition)
    await RollupUsers(model.tables, definition).merge(connection)


def first_of_each(events: Iterable[Event]) -> list[Event]:
    """Returns the events that count: the first with each id, in the order of the log."""
    found: dict[Any, Event] = {}
    for one in events:
        found.setdefault(one.event_id, one)
    return list(found.values())


def naive_revenue(events: Iterable[Event]) -> dict[tuple[str, datetime, str | None], tuple[int, int, int | None]]:
    """Counts revenue by (level, bucket, country): orders, cents, buyers."""
    orders: Counter[Any] = Counter()
    cents: Counter[Any] = Counter()
    buyers: dict[Any, set[int]] = defaultdict(set)
    for one in events:
        if one.event_type != "order.completed":
            continue
        data = json.loads(bytes(one.event_data))
        hour = one.created_at.replace(minute=0, second=0, microsecond=0)
        for cell in (("hour", hour, data.get("country")), ("day", hour.replace(hour=0), data.get("country"))):
            orders[cell] += 1
            cents[cell] += data["amount"]["cents"]
            if one.user_id is not None:
                buyers[cell].add(one.user_id)
    return {
        cell: (count, cents[cell], len(buyers[cell]) if cell[0] == "day" else None) for cell, count in orders.items()
    }


def naive_carts(events: Iterable[Event]) -> dict[int, tuple[int, datetime]]:
    """Returns the carts: user id to (items, since)."""
    carts: dict[int, tuple[int, datetime]] = {}
    for one in events:
        if one.user_id is None:
            continue
        if one.event_type == "checkout.completed":
            carts.pop(one.user_id, None)
        elif one.event_type.startswith("cart."):
            items, since = carts.get(one.user_id, (0, one.created_at))
            carts[one.user_id] = items + 1, since
    return carts


def naive_last_seen(events: Iterable[Event]) -> dict[int, datetime]:
    """Returns when each user was last seen."""
    seen: dict[int, datetime] = {}
    for one in events:
        if one.user_id is not None:
            seen[one.user_id] = max(seen.get(one.user_id, one.created_at), one.created_at)
    return seen


async def shown_revenue(connection: "asyncpg.Connection") -> dict[Any, Any]:
    """Reads the view like ``naive_revenue``; the sets of users must be merged."""
    rows = await connection.fetch("select * from revenue")
    assert not any(row["other"] for row in rows)
    return {
        (row["level"], row["bucket"], row["country"]): (row["orders"], int(row["cents"]), row["buyers"]) for row in rows
    }


async def shown_carts(connection: "asyncpg.Connection") -> dict[Any, Any]:
    return {row["user_id"]: (row["items"], row["since"]) for row in await connection.fetch("select * from cart")}


async def shown_last_seen(connection: "asyncpg.Connection") -> dict[Any, Any]:
    return dict(await connection.fetch("select user_id, at from last_seen"))
