"""A ``Sql`` that can't be replayed is refused by name, through the whole program; the built-in model counts on."""

import asyncio
import json
from pathlib import Path

import asyncpg

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event, log_events, some_events
from tests.support.processes import run_tailrace
from tests.support.projections import SHOP_NAMES, declare, running_projections, until_failed, until_shown
from tests.support.projector import running_projector, until_projected

SQL = '''
from tailrace import Sql

class {name}(Sql):
    version = 1
    events = ["*"]
    tables = "create table {table} (user_id bigint primary key, n bigint, at timestamptz)"
    apply = """{apply}"""
'''
INSERT = "insert into {table} select user_id, count(*), "
REFUSED = {
    "Clock": (INSERT + "now() from batch group by 1", "Clock.apply: now() is not allowed: a replay could not give"),
    "Commit": ("commit", "Commit.apply: a statement must begin with insert, update, delete, merge, with; not 'commit'"),
    "Committed": (INSERT + "max(created_at) from batch group by 1; commit", "Committed.apply: one text must be one"),
    "Outside": (
        "insert into {table} select user_id, 1, created_at from public.analytics_events",
        "outside: `apply` may read only batch and its own tables, not public.analytics_events",
    ),
    "Ungrouped": (
        INSERT + "max(created_at) from batch",
        'ungrouped: the database refuses `apply`: column "batch.user_id" must appear in the GROUP BY clause',
    ),
}
REPEATED = SQL.format(
    name="Newest",
    table="newest",
    apply="insert into newest select user_id, 1, created_at from batch "
    "on conflict (user_id) do update set at = excluded.at",
)
"""Lacks a ``group by``, which only a batch with two events of a user shows."""


async def run(settings: Settings, *words: str) -> tuple[int, str, str]:
    assert settings.projections is not None
    done = await asyncio.to_thread(run_tailrace, settings, *words, TAILRACE_PROJECTIONS=settings.projections)
    return done.returncode, done.stdout, done.stderr


async def test_what_a_replay_could_not_repeat_is_refused_by_name_and_delays_nobody(
    log: LogClient, shop: Settings, of_each_flavour: str
) -> None:
    shop = shop.model_copy(update={"database": of_each_flavour})
    assert shop.projections is not None
    for name, (apply, _) in REFUSED.items():
        table = name.lower()
        declare(Path(shop.projections), SQL.format(name=name, table=table, apply=apply.format(table=table)), table)
    await log_events(log, some_events(40))
    connection = await asyncpg.connect(of_each_flavour)
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 40, task)
        await until_projected(connection, log)
        code, shown, _ = await run(shop, "status", "--json")
        problems = json.loads(shown)["problems"]
        for name, (_, sentence) in REFUSED.items():
            assert len([problem for problem in problems if sentence in problem]) == 1, problems
            refused = await run(shop, "replay", name.lower())
            assert refused[0] == 1
            assert sentence in " ".join(refused[2].split())
    assert code == 1
    assert await connection.fetchval("select count(*) from public.analytics_events") == 40
    names = await connection.fetch("select name from tailrace.projections order by 1")
    assert [row[0] for row in names] == sorted(SHOP_NAMES)
    await connection.close()


async def test_a_group_by_that_only_a_batch_misses_stops_that_projection_only(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    assert shop.projections is not None
    declare(Path(shop.projections), REPEATED, "newest")
    for _ in range(2):
        await log_event(log, event("page_view", 7))
    async with running_projector(shop), running_projections(shop) as task:
        reason = await until_failed(connection, "newest")
        await log_event(log, event("page_view", 8))
        await until_shown(connection, SHOP_NAMES, 3, task)
        await until_projected(connection, log)
        problems = json.loads((await run(shop, "status", "--json"))[1])["problems"]
    assert "cannot affect row a second time" in reason
    assert any(one.startswith("newest version 1 has stopped at sequence 0: ") and reason in one for one in problems)
    assert await connection.fetch("select seq from projection_position") == [(3,)]
