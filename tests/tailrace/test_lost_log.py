"""A log whose files are gone is named, and an empty one takes its place only if an operator starts it."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import asyncpg
import httpx
import pytest
from dirty_equals import IsStr

from contracts.entries import Gap
from contracts.errors import LogLostError
from contracts.subjects import LOG_STREAM
from migrations.streams import ensure_streams
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.log.errors import StreamMissingError
from runtime.postgres import DatabaseUnavailableError
from runtime.settings import Settings
from tests.support.command import running_command
from tests.support.events import event, log_event, log_events, some_events
from tests.support.log_damage import allow_deletes, delete_and_accept
from tests.support.processes import run_tailrace
from tests.support.projector import idle_projector
from tests.support.up import running_up

GONE = r"the log is gone: model_1 was built from it up to \w+:20:\w+, .*`tailrace log new-epoch`.*"


@pytest.fixture
async def lost(log: LogClient, settings: Settings) -> LogClient:
    """A log that is gone after a model was built of its 20 entries."""
    await log_events(log, some_events(20))
    await replay(log, settings, asyncio.Event())
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    return log


async def test_no_service_starts_an_empty_log(lost: LogClient, settings: Settings) -> None:
    with pytest.raises(LogLostError, match=GONE):
        async with running_command(settings):
            pass
    for command in (("serve", "projection"), ("migrate",)):
        refused = await asyncio.to_thread(run_tailrace, settings, *command)
        assert refused.returncode == 1
        assert re.search(GONE, refused.stderr)
    with pytest.raises(StreamMissingError):
        await lost.state()


async def test_status_says_what_was_lost(lost: LogClient, settings: Settings) -> None:
    async with idle_projector(settings):
        result = await asyncio.to_thread(run_tailrace, settings, "status", "--json")
    assert (result.returncode, json.loads(result.stdout)["problems"]) == (1, [IsStr(regex=GONE)])


async def test_a_database_that_is_away_prevents_a_new_log_only_if_it_is_set(log: LogClient, settings: Settings) -> None:
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    away = Settings(nats_url=settings.nats_url, database="postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailableError):
        await ensure_streams(log, away)
    assert (await ensure_streams(log, settings)).done[0] == "the stream ANALYTICS is created"


async def test_a_cutover_to_fewer_events_has_to_name_their_number(
    lost: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    declared = await asyncio.to_thread(run_tailrace, settings, "log", "new-epoch", "--yes")
    assert declared.stdout.startswith(f"epoch (none) -> {(await lost.state()).epoch}\n")
    await log_event(lost, event())
    assert (await asyncio.to_thread(run_tailrace, settings, "replay")).returncode == 0
    for arguments in ((), ("--lose", "19")):
        refused = await asyncio.to_thread(run_tailrace, settings, "cutover", *arguments)
        assert refused.returncode == 1
        assert "model_2 lacks 20 events of model_1" in refused.stderr
        assert "`tailrace cutover --lose 20`" in refused.stderr
        assert await connection.fetchval("select count(*) from analytics_events") == 20
    assert (await asyncio.to_thread(run_tailrace, settings, "cutover", "--lose", "20")).returncode == 0
    assert await connection.fetchval("select count(*) from analytics_events") == 1


async def test_a_cutover_without_entries_that_are_recorded_as_lost_has_to_name_their_number(
    log: LogClient, settings: Settings
) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(10))
    await replay(log, settings, asyncio.Event())
    await delete_and_accept(log, Gap(4, 5))
    await replay(log, settings, asyncio.Event(), candidate=True)
    refused = await asyncio.to_thread(run_tailrace, settings, "cutover")
    assert refused.returncode == 1
    assert "model_2 lacks 2 events of model_1" in refused.stderr, refused.stdout
    assert (await asyncio.to_thread(run_tailrace, settings, "cutover", "--lose", "2")).returncode == 0


@pytest.mark.timeout(180)
def test_up_waits_for_a_decision_and_keeps_the_old_tables_readable(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_up(data_dir, "--no-producer") as run:
        endpoints = run.until_ready()
        sent = {"event_type": "click", "user_id": 1, "event_data": {}}
        assert httpx.post(f"{endpoints['command']}/events", json=[sent] * 20).status_code == 202
        run.until("20 events in /stats", lambda: totals(endpoints) == 20)
    shutil.rmtree(data_dir / "nats")
    with running_up(data_dir, "--no-producer") as run:
        run.until("the loss", lambda: re.search(GONE, run.output.replace("\n", " ")))
        declared = run_tailrace(Settings(), "log", "new-epoch", "--yes", "--data-dir", str(data_dir))
        assert declared.returncode == 0, declared.stderr
        run.until("its start", lambda: "tailrace: ready" in run.output)
        assert totals(run.endpoints()) == 20


def totals(endpoints: dict[str, str]) -> int:
    events: int = httpx.get(f"{endpoints['query']}/stats").json()["totals"]["events"]
    return events
