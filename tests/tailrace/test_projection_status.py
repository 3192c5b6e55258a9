"""Projections of the user in ``tailrace status``, ``tailrace projection`` and the metrics."""

import asyncio
import json
from pathlib import Path

import asyncpg

from projection.sampling import take_sample
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events
from tests.support.processes import run_tailrace
from tests.support.projections import SHOP_NAMES, declare, running_projections, shop_events, until_failed, until_shown
from tests.support.projector import running_projector

FAILING = """
from tailrace import Fold

class Failing(Fold):
    version = 1
    events = [">"]
    key = {"user_id": int}
    columns = {"n": int}
    def evolve(self, row, event):
        raise ValueError("no")
"""


async def run(settings: Settings, *words: str) -> tuple[int, str]:
    done = await asyncio.to_thread(run_tailrace, settings, *words)
    assert done.stderr == ""
    return done.returncode, done.stdout


async def test_each_projection_is_shown_with_its_lag_and_a_stopped_one_is_a_problem(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    folder = declare(declare(tmp_path / "projections"), FAILING, "failing")
    declare(folder, "1 / 0\n", "broken")
    shop = settings.model_copy(update={"projections": str(folder)})
    await log_events(log, shop_events(150))
    async with running_projector(shop):
        async with running_projections(shop) as task:
            await until_shown(connection, SHOP_NAMES, 150, task)
            reason = await until_failed(connection, "failing")
            code, shown = await run(shop, "status", "--json")
            found = json.loads(shown)
        sample = await take_sample(connection, log)
        stopped = json.loads((await run(shop, "status", "--json"))[1])
    assert code == 1
    assert {one["name"]: (one["state"], one["lag_events"]) for one in found["projections"]} == {
        "cart": ("live", 0),
        "failing": ("failed", 150),
        "last_seen": ("live", 0),
        "revenue": ("live", 0),
    }
    assert f"failing version 1 has stopped at sequence 0: {reason}" in found["problems"]
    assert f"{folder}/broken.py, line 1: ZeroDivisionError: division by zero" in found["problems"]
    assert any(
        problem.startswith("no worker of projections is active: 4 projections get no new events")
        for problem in stopped["problems"]
    )
    # the failing one is live if it met its first batch among new entries, and building if in a read of its own
    assert {"failing": (150, True), **sample.projections} == {
        "cart": (0, False),
        "failing": (150, True),
        "last_seen": (0, False),
        "revenue": (0, False),
    }
    listed = (await run(shop, "projection", "list"))[1]
    assert [line.split()[0] for line in listed.splitlines()[1:] if line[0] != " "] == [
        "cart",
        "failing",
        "last_seen",
        "revenue",
    ]
    shown = json.loads((await run(shop, "projection", "show", "revenue", "--json"))[1])
    assert shown[0]["definition"]["by"] == {"country": "event_data.country"}
