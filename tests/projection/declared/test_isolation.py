"""A projection that can't apply an event, or any, harms neither its neighbours nor the built-in model."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, log_raw
from tests.support.projections import (
    SHOP_NAMES,
    declare,
    fork_projections,
    live,
    naive_carts,
    running_projections,
    shop_events,
    shown_carts,
    until_failed,
    until_shown,
)
from tests.support.projector import running_projector, until_projected

TROUBLED = """
from tailrace import Fold, Sql

class Troubled(Fold):
    version = 1
    events = [">"]
    key = {"user_id": int}
    columns = {"n": int}
    def evolve(self, row, event):
        %s
        return {"n": (row["n"] if row else 0) + 1}
"""
LENGTHS = """
from tailrace import Sql

class Lengths(Sql):
    version = 1
    events = ["page_view"]
    tables = "create table lengths (seq bigint primary key, length integer check (length < 10))"
    apply = "insert into lengths select seq, (event_data ->> 'length')::int from batch"
"""


def add(shop: Settings, text: str, name: str = "troubled") -> None:
    assert shop.projections is not None
    declare(Path(shop.projections), text, name)


async def parked(connection: asyncpg.Connection, name: str) -> list[tuple[int, str, str]]:
    model = await live(connection, name)
    rows = await connection.fetch(f"select seq, code, reason from {model.schema}.parked_events order by seq")
    return [tuple(row) for row in rows]


async def test_an_event_that_evolve_or_the_database_refuses_is_parked_in_the_projection_only(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    add(shop, TROUBLED % 'if event.event_data.get("length") == 99: raise ValueError("too long")')
    add(shop, LENGTHS, "lengths")
    for length in (1, 2, 99, 3, 4, "x", 5):
        await log_event(log, event(data=f'{{"length":"{length}"}}' if length == "x" else f'{{"length":{length}}}'))
    await log_raw(log, b"garbage")
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, ["troubled", "lengths", *SHOP_NAMES], 8, task)
    assert await connection.fetchval("select n from troubled") == 6
    assert [row[0] for row in await connection.fetch("select length from lengths order by seq")] == [1, 2, 3, 4, 5]
    [(seq, code, reason)] = await parked(connection, "troubled")
    assert (seq, code) == (3, "evolve_failed")
    assert "ValueError: too long" in reason
    assert [(seq, code) for seq, code, _ in await parked(connection, "lengths")] == [
        (3, "database_refused"),
        (6, "database_refused"),
    ]
    assert await connection.fetch("select seq from parked_events") == [(8,)]


async def test_a_projection_that_always_fails_stops_by_its_guard_and_delays_nobody(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    add(shop, TROUBLED % "raise ValueError(event.seq)")
    settings = shop.model_copy(update={"batch_size": 50})
    sent = await log_events(log, shop_events(400))
    async with running_projector(settings), running_projections(settings) as task:
        await until_shown(connection, SHOP_NAMES, 400, task)
        reason = await until_failed(connection, "troubled")
        sent += await log_events(log, shop_events(20, seed=2))
        await until_shown(connection, SHOP_NAMES, 420, task)
    assert "of the last" in reason
    assert "ValueError" in reason
    assert await shown_carts(connection) == naive_carts(sent)


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(1_000)"])
async def test_an_evolve_that_never_returns_is_stopped_and_its_neighbours_continue(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, code: str
) -> None:
    add(shop, TROUBLED % f"if event.user_id == 99:\n            {code}")
    sent = await log_events(log, shop_events(50))
    async with running_projector(shop):
        worker = fork_projections(shop, batch_timeout=1.0)
        await until_shown(connection, SHOP_NAMES, 50)
        await log_event(log, event("loop", 99))
        sent += await log_events(log, shop_events(50, seed=2))
        await until_projected(connection, log)  # of another process
        assert "did not return in 1 s, at the event" in await until_failed(connection, "troubled")
        await until_shown(connection, SHOP_NAMES, 101)
        worker.kill()
        await asyncio.to_thread(worker.join)
    assert await shown_carts(connection) == naive_carts(sent)


async def test_a_statement_that_takes_too_long_stops_its_projection_only(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projection.declared.member.BATCH_TIMEOUT", 1.0)
    endless = "insert into lengths select seq, (select count(*) from generate_series(1, 1000000000000)) from batch"
    add(shop, LENGTHS[: LENGTHS.index("apply =")] + f'apply = "{endless}"\n', "lengths")
    await log_event(log, event("page_view", 7))
    async with running_projector(shop), running_projections(shop) as task:
        assert "a batch took more than 1 s, at log entry 1" in await until_failed(connection, "lengths")
        await log_events(log, shop_events(20))
        await until_shown(connection, SHOP_NAMES, 21, task)
        await until_projected(connection, log)


async def test_state_undeclared_columns_and_naive_times_park_the_event(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    add(
        shop,
        TROUBLED
        % """match event.event_type:
            case "state": self.n = 1
            case "column": return {"n": 1, "m": 2}
            case "naive": return {"n": event.created_at.replace(tzinfo=None)}""",
    )
    for event_type in ("state", "column", "naive", "good"):
        await log_event(log, event(event_type))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, ["troubled"], 4, task)
    assert [(seq, code) for seq, code, _ in await parked(connection, "troubled")] == [
        (seq, "evolve_failed") for seq in (1, 2, 3)
    ]
    assert await connection.fetchval("select n from troubled") == 1


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        ("insert into lengths select seq, count(*) from batch", "must appear in the GROUP BY clause"),
        (
            "insert into lengths select seq, 1 from public.analytics_events",
            "may read only batch and its own tables, not public.analytics_events",
        ),
        ("insert into lengths select seq, (public.dice()) from batch", "may not call dice()"),
        ("insert into lengths select seq, 1 from missing", 'relation "missing" does not exist'),
    ],
)
async def test_statements_that_the_database_finds_wrong_are_refused_at_definition(
    log: LogClient, shop: Settings, connection: asyncpg.Connection, apply: str, reason: str
) -> None:
    await connection.execute("create function public.dice() returns int language sql as 'select 4'")
    add(shop, LENGTHS[: LENGTHS.index("apply =")] + f'apply = "{apply}"\n', "lengths")
    async with running_projector(shop), running_projections(shop) as task:
        await log_events(log, shop_events(5))
        await until_shown(connection, SHOP_NAMES, 5, task)
    problems = [row[0] for row in await connection.fetch("select message from tailrace.projection_problems")]
    assert len(problems) == 1
    assert problems[0].startswith("lengths: ")
    assert reason in problems[0]
