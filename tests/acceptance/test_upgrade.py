"""A data folder of the version before is upgraded by ``up``, and given back to that version."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from dirty_equals import IsPartialDict

from tests.support.previous_version import PreviousVersion
from tests.support.up import UpRun, running_up

pytestmark = pytest.mark.timeout(240)
QUIET = "--no-producer"


@pytest.fixture
def old_up(previous_version: PreviousVersion) -> dict[str, Any]:
    """Options of ``running_up`` for the version before."""
    return {"cwd": previous_version.path, "env": previous_version.environment_of({})}


def send(endpoints: dict[str, Any], count: int) -> None:
    events = [
        {"event_id": str(uuid4()), "event_type": "page_view", "user_id": n % 7, "event_data": {}} for n in range(count)
    ]
    answer = httpx.post(
        f"{endpoints['command']}/events",
        content="\n".join(map(json.dumps, events)),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 202, answer.text


def stats(endpoints: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{endpoints['query']}/stats").raise_for_status().json()
    return found


def until_counted(run: UpRun, endpoints: dict[str, Any], events: int) -> None:
    run.until(f"{events} events", lambda: stats(endpoints)["totals"] == {"events": events, "users": 7})


def command(run: UpRun, *arguments: str, code: int = 0) -> str:
    words = [sys.executable, "-m", "tailrace", *arguments, "--data-dir", str(run.data_dir)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_up_replays_verifies_and_cuts_over_and_the_version_before_can_return(
    tmp_path: Path, old_up: dict[str, Any]
) -> None:
    data = tmp_path / "data"
    with running_up(data, QUIET, **old_up) as run:
        send(endpoints := run.until_ready(), 300)
        until_counted(run, endpoints, 300)
    with running_up(data, QUIET) as run:
        endpoints = run.until_ready()
        send(endpoints, 50)
        run.until("the cutover", lambda: "readers now see model_2" in run.output)
        until_counted(run, endpoints, 350)
        assert stats(endpoints)["as_of"] == IsPartialDict(stale=False)
        assert "rows, ledger, parked events, every rollup" in command(run, "verify")
        assert "so that the version that made model_1 can start" in command(run, "rollback")
        assert stats(endpoints) == IsPartialDict(
            totals={"events": 300, "users": 7}, as_of=IsPartialDict(stale=True, lag_events=50)
        )
        assert command(run, "drop-old") == "dropped model_2\n"
    with running_up(data, QUIET, **old_up) as run:
        endpoints = run.until_ready()
        send(endpoints, 20)
        until_counted(run, endpoints, 370)
    with running_up(data, QUIET, "--offline-rebuild") as run:
        until_counted(run, run.until_ready(), 370)
        assert stats(run.endpoints())["as_of"] == IsPartialDict(stale=False)


def test_up_keeps_the_old_model_and_status_says_why_if_its_successor_cannot_be_shown(
    tmp_path: Path, old_up: dict[str, Any]
) -> None:
    data = tmp_path / "data"
    with running_up(data, QUIET, **old_up) as run:
        send(endpoints := run.until_ready(), 30)
        until_counted(run, endpoints, 30)
        asyncio.run(execute(endpoints["database"], "create view mine as select count(*) from public.users"))
    with running_up(data, QUIET) as run:
        endpoints = run.until_ready()
        send(endpoints, 10)
        run.until("the refusal", lambda: "readers still see model_1" in run.output)
        assert stats(endpoints) == IsPartialDict(
            totals={"events": 30, "users": 7}, as_of=IsPartialDict(stale=True, lag_events=10)
        )
        assert "mine depends on view" in " ".join(command(run, "status", code=1).split())
        asyncio.run(execute(endpoints["database"], "drop view mine"))
        command(run, "cutover")
        until_counted(run, endpoints, 40)
        assert "mine" not in command(run, "status")


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
