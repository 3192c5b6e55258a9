"""A cutover and a rollback of a projection fail no request, and no answer mixes two versions."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import running_query
from tests.support.events import log_events
from tests.support.processes import run_tailrace
from tests.support.projections import SHOP, SHOP_NAMES, declare, running_projections, shop_events, until_shown
from tests.support.projector import running_projector

FIRST, SECOND = 'version = 1\n    events = ["cart.*"', 'version = 2\n    events = ["cart.*"'
NEXT = SHOP.replace(FIRST, SECOND).replace('"items": int,', '"items": str,').replace('"items": (', '"items": str(')
NEXT = NEXT.replace('row["items"] if row else 0) + 1', 'int(row["items"]) + 1 if row else 1)')
"""Version 2 of the cart has another type for the same column."""


async def test_readers_notice_nothing_but_the_version(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    folder = declare(tmp_path / "projections")
    shop = settings.model_copy(update={"projections": str(folder)})
    await log_events(log, shop_events(200))

    async def tailrace(*words: str) -> None:
        done = await asyncio.to_thread(run_tailrace, shop, *words, TAILRACE_PROJECTIONS=str(folder))
        assert done.returncode == 0, done.stderr

    async with running_projector(shop), running_projections(shop) as task, running_query(shop) as query:
        await until_shown(connection, SHOP_NAMES, 200, task)
        declare(folder, NEXT)
        await tailrace("replay", "cart")
        stop = asyncio.Event()
        answers: list[Any] = []

        async def read() -> None:
            while not stop.is_set():
                answer = await query.http.get("/projections/cart")
                assert answer.status_code == 200, answer.text
                answers.append(answer.json())

        readers = [asyncio.create_task(read()) for _ in range(3)]
        for direction in ("cutover", "rollback", "cutover"):
            await tailrace(direction, "cart", "--no-verify")
        stop.set()
        await asyncio.gather(*readers)
    assert {answer["version"] for answer in answers} == {1, 2}
    for answer in answers:
        kind = int if answer["version"] == 1 else str
        assert answer["rows"]
        assert all(type(row["items"]) is kind for row in answer["rows"])
