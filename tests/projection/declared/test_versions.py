"""Versions of declared projections: refused changes, building a new version, cutover, rollback, drop."""

import asyncio
from pathlib import Path

import asyncpg

from projection.declared.replay import rebuild
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.processes import run_tailrace
from tests.support.projections import (
    SHOP,
    SHOP_NAMES,
    builds,
    declare,
    live,
    naive_carts,
    running_projections,
    shop_events,
    shown_carts,
    until_shown,
)
from tests.support.projector import running_projector

FEWER = SHOP.replace('(row["items"] if row else 0) + 1', '(row["items"] if row else 0) + 10')
"""Another evolve of the cart."""


async def tailrace(settings: Settings, *words: str) -> str:
    """Runs a command beside the worker in this process, and returns its output."""
    assert settings.projections is not None
    done = await asyncio.to_thread(run_tailrace, settings, *words, TAILRACE_PROJECTIONS=settings.projections)
    assert done.returncode == 0, done.stderr
    return done.stdout


def folder(settings: Settings) -> Path:
    assert settings.projections is not None
    return Path(settings.projections)


async def test_a_change_under_an_old_version_is_refused_and_the_stored_code_continues(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(100))
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 100, task)
        declare(folder(shop), FEWER)
        async with running_projections(shop) as task:
            sent += await log_events(log, shop_events(50, seed=2))
            await until_shown(connection, SHOP_NAMES, 150, task)
    assert await shown_carts(connection) == naive_carts(sent)
    assert await connection.fetchval("select message from tailrace.projection_problems") == (
        "Cart was changed, but is still version 1: its rows would be of both; set version = 2, and the new one is "
        "built beside, or undo the change"
    )


async def test_comments_layout_and_other_classes_of_a_file_are_no_change(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    async with running_projector(shop), running_projections(shop) as task:
        await log_events(log, shop_events(10))
        await until_shown(connection, SHOP_NAMES, 10, task)
    text = SHOP.replace("# Python: one row per key", '\n    """The carts."""').replace("Users()", "Users()  # who")
    more = '\nfrom tailrace import Max\nclass Dearest(Rollup):\n    version = 1\n    events = ["*"]\n'
    declare(
        folder(shop), f'{text}{more}    by = {{}}\n    every = ["day"]\n    cents = Max("event_data.amount.cents")\n'
    )
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, [*SHOP_NAMES, "dearest"], 10, task)
    assert await connection.fetch("select message from tailrace.projection_problems") == []
    assert [model.version for model in await builds(connection, "cart")] == [1]


async def test_a_new_version_is_built_beside_cut_over_rolled_back_and_dropped(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(200))
    async with running_projector(shop), running_projections(shop) as task:
        await until_shown(connection, SHOP_NAMES, 200, task)
        await connection.execute("create role shop_reader")
        await connection.execute("grant select on cart to shop_reader")
        new = FEWER.replace('version = 1\n    events = ["cart.*"', 'version = 2\n    events = ["cart.*"')
        declare(folder(shop), new)
        assert "cart version 2 is built" in await tailrace(shop, "replay", "cart")
        sent += await log_events(log, shop_events(50, seed=2))
        await until_shown(connection, ["cart"], 250, task)
        assert await shown_carts(connection) == naive_carts(sent)  # still of version 1, and current

        await connection.execute("create view public.full_carts as select * from cart where items > 3")
        refused = await asyncio.to_thread(run_tailrace, shop, "cutover", "cart", "--no-verify")
        assert refused.returncode == 1
        assert "the view cart can't be replaced: view full_carts depends on view cart" in refused.stderr
        await connection.execute("drop view public.full_carts")
        assert "readers now see cart version 2" in await tailrace(shop, "cutover", "cart")
        await until_shown(connection, ["cart"], 250, task)
        tenfold = {user: (10 * items, since) for user, (items, since) in naive_carts(sent).items()}
        assert await shown_carts(connection) == tenfold
        assert await connection.fetchval("select has_table_privilege('shop_reader', 'cart', 'select')")

        sent += await log_events(log, shop_events(50, seed=3))
        assert "readers now see cart version 1" in await tailrace(shop, "rollback", "cart")
        await until_shown(connection, ["cart"], 300, task)
        assert await shown_carts(connection) == naive_carts(sent)

        await tailrace(shop, "cutover", "cart", "--no-verify")
        assert await tailrace(shop, "drop-old", "cart") == "dropped cart version 1\n"
    assert [model.version for model in await builds(connection, "cart")] == [2]
    await connection.execute("drop owned by shop_reader; drop role shop_reader")


async def test_a_projection_whose_class_is_gone_stays_readable_until_it_is_dropped(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(60))
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 60, task)
        declare(folder(shop), SHOP[: SHOP.index("class Cart")] + SHOP[SHOP.index("class LastSeen") :])
        async with running_projections(shop) as task:
            await log_events(log, shop_events(60, seed=2))
            await until_shown(connection, ["revenue", "last_seen"], 120, task)
        assert (await live(connection, "cart")).status == "orphaned"
        assert await shown_carts(connection) == naive_carts(sent)
        declare(folder(shop))
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 120, task)
        assert (await live(connection, "cart")).status == "live"


async def test_versions_of_a_class_that_is_gone_can_be_swapped_and_all_continue_when_it_returns(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(60))
    text = FEWER.replace('version = 1\n    events = ["cart.*"', 'version = 2\n    events = ["cart.*"')
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 60, task)
        declare(folder(shop), text)
        async with running_projections(shop), asyncio.timeout(60):
            while [one.status for one in await builds(connection, "cart")] != ["live", "ready"]:
                await asyncio.sleep(0.02)
        await rebuild(connection, (await builds(connection, "cart"))[1])  # not built when the class goes
        declare(folder(shop), SHOP[: SHOP.index("class Cart")] + SHOP[SHOP.index("class LastSeen") :])
        async with running_projections(shop) as task:
            await log_events(log, shop_events(20, seed=2))
            await until_shown(connection, ["revenue", "last_seen"], 80, task)
            assert "readers now see cart version 2" in await tailrace(shop, "cutover", "cart")
            tenfold = {user: (10 * items, since) for user, (items, since) in naive_carts(sent).items()}
            assert await shown_carts(connection) == tenfold
            await tailrace(shop, "rollback", "cart")
            assert "readers now see cart version 1" in await tailrace(shop, "rollback", "cart")
        assert [model.status for model in await builds(connection, "cart")] == ["orphaned"] * 3
        assert await shown_carts(connection) == naive_carts(sent)
        declare(folder(shop), text)
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 80, task)
    assert await shown_carts(connection) == naive_carts([*sent, *shop_events(20, seed=2)])


async def test_a_file_that_does_not_load_is_named_with_its_line_and_harms_no_other(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    declare(folder(shop), "from tailrace import Fold\n\nclass Broken(Fold):\n    version = 'one'\n", "broken")
    declare(folder(shop), "def open(:\n", "syntax")
    async with running_projector(shop), running_projections(shop) as task:
        await log_events(log, shop_events(10))
        await until_shown(connection, SHOP_NAMES, 10, task)
    problems = [row[0] for row in await connection.fetch("select message from tailrace.projection_problems order by 1")]
    assert problems[0].startswith(f"{folder(shop)}/broken.py, line 3: Broken.")
    assert problems[1] == f"{folder(shop)}/syntax.py, line 1: invalid syntax"


async def test_in_development_a_change_is_built_and_shown_at_once(
    log: LogClient, shop: Settings, connection: asyncpg.Connection
) -> None:
    sent = await log_events(log, shop_events(50))
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 50, task)
        declare(folder(shop), FEWER)
        async with running_projections(shop.model_copy(update={"projections_dev": True})) as task:
            async with asyncio.timeout(60):
                while [model.live for model in await builds(connection, "cart")] != [False, True]:
                    await asyncio.sleep(0.02)
            await until_shown(connection, SHOP_NAMES, 50, task)
    tenfold = {user: (10 * items, since) for user, (items, since) in naive_carts(sent).items()}
    assert await shown_carts(connection) == tenfold
