"""Cutover to a candidate model and rollback: no request fails, and no answer mixes the two."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest
from dirty_equals import IsPartialDict

from contracts.errors import ConflictError
from migrations.catalogue import Model, list_models
from projection import cutover
from projection.cutover import NotSwappedError, cut_over, drop_old, roll_back
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import running_query
from tests.support.events import BASE, event, log_events, log_raw, some_events
from tests.support.processes import run_tailrace
from tests.support.projector import (
    live_model_name,
    running_projector,
    running_with_candidate,
    until_projected,
    verifier,
)
from tests.support.recount import read_model, recount_log
from tests.support.waiting import until
from verification.run import verify

SWAPS = 10
CLIENTS = 4


async def until_beside_projected(connection: "asyncpg.Connection", log: LogClient, model: str) -> None:
    last = (await log.state()).last_seq

    async def caught_up() -> bool:
        return bool(await connection.fetchval(f"select seq from {model}.projection_position") >= last)

    await until(caught_up)


async def test_cutover_and_rollback_switch_readers_and_both_models_stay_projected(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(100))
    async with running_with_candidate(settings, log, connection):
        verified: list[str] = []

        async def verify_candidate(model: Model) -> Sequence[str]:
            verified.append(model.name)
            return await verifier(log, connection)(model)

        done = await cut_over(log, connection, verify_candidate)
        assert (done.old.name, done.new.name, done.new.live) == ("model_1", "model_2", True)
        assert verified == ["model_2"]
        await log_events(log, some_events(50, seed=2))
        await until_projected(connection, log)
        assert await read_model(connection) == await recount_log(log)
        await until_beside_projected(connection, log, "model_1")
        assert (await roll_back(log, connection, verifier(log, connection))).new.name == "model_1"
        assert await read_model(connection) == await recount_log(log)
        assert await live_model_name(connection) == "model_1"


async def ask(http: httpx.AsyncClient, done: asyncio.Event, answers: list[dict[str, Any]]) -> None:
    while not done.is_set():
        answer = await http.get("/stats", params={"bucket": "day"} if len(answers) % 2 else {})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())


async def test_under_load_no_request_fails_and_no_answer_mixes_the_models(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(300))
    async with running_with_candidate(settings, log, connection), running_query(settings) as query:
        # data that only one of them has, in each table that an answer reads
        await connection.execute("update model_2.all_time set events = events + 7 where event_type = ''")
        await connection.execute("insert into model_2.all_time values ('marker', 7, 0)")
        for level in ("minute", "hour", "day"):
            await connection.execute(f"insert into model_2.events_by_{level} values ($1, 'marker', 7)", BASE)
        done = asyncio.Event()
        answers: list[list[dict[str, Any]]] = [[] for _ in range(CLIENTS)]
        async with asyncio.TaskGroup() as group:
            for kept in answers:
                group.create_task(ask(query.http, done, kept))
            for number in range(SWAPS):
                asked = sum(map(len, answers))
                await until(lambda asked=asked: _more(answers, asked + 4 * CLIENTS))  # type: ignore[misc]
                await log_events(log, [event("click", number)])
                await (roll_back if number % 2 else cut_over)(log, connection)
            done.set()
    seen = [answer for kept in answers for answer in kept]
    for answer in seen:
        in_types = any(one["event_type"] == "marker" for one in answer["by_type"])
        in_series = any(one["event_type"] == "marker" for one in answer["series"])
        assert in_types == in_series
        assert answer["totals"]["events"] == sum(one["events"] for one in answer["by_type"])
        assert answer["totals"]["events"] == sum(one["events"] for one in answer["series"])
        cursor = int(answer["as_of"]["cursor"].split(":")[1])
        assert answer["totals"]["events"] == cursor + 7 * in_types
        # each cutover raises the revision: an odd one is the candidate's
        assert answer["as_of"]["revision"] % 2 == in_types
    for kept in answers:
        states = [(one["as_of"]["revision"], int(one["as_of"]["cursor"].split(":")[1])) for one in kept]
        assert states == sorted(states)
    assert {answer["as_of"]["revision"] for answer in seen} >= set(range(SWAPS))


async def _more(answers: list[list[dict[str, Any]]], wanted: int) -> bool:
    return sum(map(len, answers)) >= wanted


async def test_a_model_that_differs_from_the_log_is_not_shown(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        await connection.execute("update model_2.events_by_hour set events = events + 1")
        done = await cut_over(log, connection, verifier(log, connection))
        assert not done.new.live
        assert "events_by_hour" in done.differences[0]
        assert await live_model_name(connection) == "model_1"


async def test_a_model_that_is_behind_is_not_shown(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutover, "TIMEOUT", 0.0)
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        pass
    await connection.execute("update model_1.projection_position set seq = seq + 1")
    with pytest.raises(NotSwappedError, match="model_2 is behind model_1; is the projection service running"):
        await cut_over(log, connection)
    assert await live_model_name(connection) == "model_1"


async def test_a_reader_that_never_ends_prevents_the_cutover_but_blocks_no_other_reader(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutover, "TIMEOUT", 0.5)
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        reader = await asyncpg.connect(settings.dsn)
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.fetch("select * from public.projection_position")
            swapping = asyncio.create_task(cut_over(log, connection))
            other = await asyncpg.connect(settings.dsn)
            while not swapping.done():
                assert await other.fetchval("select count(*) from public.analytics_events") == 20
            await other.close()
            with pytest.raises(NotSwappedError, match="a transaction keeps reading the tables"):
                await swapping
        await reader.close()
        assert (await cut_over(log, connection)).new.name == "model_2"


async def test_cutover_without_a_finished_candidate_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(40))
    with pytest.raises(ConflictError, match="`tailrace replay` builds one"):
        await cut_over(log, connection, verifier(log, connection))
    with pytest.raises(ConflictError, match="no older model than model_1"):
        await roll_back(log, connection, verifier(log, connection))
    stop = asyncio.Event()
    small = settings.model_copy(update={"batch_size": 10})
    first = await replay(log, small, stop, candidate=True, on_step=lambda step: stop.set())
    assert not first.finished
    with pytest.raises(ConflictError, match="model_2 is not finished"):
        await cut_over(log, connection, verifier(log, connection))
    assert (await replay(log, small, asyncio.Event(), candidate=True)).finished
    assert [model.state for model in await list_models(connection)] == ["ready", "ready"]
    with pytest.raises(ConflictError, match="`tailrace cutover` makes it live"):
        await replay(log, small, asyncio.Event(), candidate=True)


async def test_dropping_the_old_model_stops_its_projector_and_leaves_the_live_one(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(40))
    async with running_with_candidate(settings, log, connection):
        await cut_over(log, connection, verifier(log, connection))
        assert [model.name for model in await drop_old(connection)] == ["model_1"]
        assert await connection.fetchval("select to_regnamespace('model_1')") is None
        await log_events(log, some_events(10, seed=2))
        await until_projected(connection, log)
        assert await read_model(connection) == await recount_log(log)
        assert await drop_old(connection) == []
        # the next one has a new name
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).model == "model_3"


async def test_a_model_that_a_replay_is_building_is_not_dropped(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(30))
    stop = asyncio.Event()
    small = settings.model_copy(update={"batch_size": 10, "replay_share": 0.001})
    begun = asyncio.Event()
    task = asyncio.create_task(replay(log, small, stop, candidate=True, on_step=lambda step: begun.set()))
    await begun.wait()
    with pytest.raises(ConflictError, match="stop its replay first"):
        await drop_old(connection, timeout=0.1)
    stop.set()
    assert not (await task).finished
    assert [(model.name, model.state) for model in await list_models(connection)][1] == ("model_2", "building")
    assert [model.name for model in await drop_old(connection)] == ["model_2"]


async def test_a_parked_event_is_retried_in_every_model(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_raw(log, b"garbage")
    await log_events(log, some_events(5))
    async with running_with_candidate(settings, log, connection):
        pass
    fixed = event()
    for model in ("model_1", "model_2"):
        await connection.execute(
            f"update {model}.parked_events set payload = $1, event_id = $2",
            f'{{"event_id":"{fixed.event_id}","event_type":"click","user_id":1,'
            f'"created_at":"2026-03-01T12:00:00Z","event_data":{{}}}}'.encode(),
            fixed.event_id,
        )
    ran = run_tailrace(settings, "parked", "retry")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "model_1, entry 1: projected",
        "model_2, entry 1: projected",
        "2 projected, 0 still parked",
    ]
    for model in ("model_1", "model_2"):
        assert await connection.fetchval(f"select count(*) from {model}.analytics_events") == 6


async def test_the_commands_print_their_result_and_the_next_step(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))

    def run(*arguments: str) -> str:
        ran = run_tailrace(settings, *arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    async with running_projector(settings):
        await until_projected(connection, log)
        assert "model_2 is ready: `tailrace cutover` shows it" in await asyncio.to_thread(run, "replay")
        said = await asyncio.to_thread(run, "cutover")
        assert "verified" in said
        assert "readers now see model_2; `tailrace rollback` returns to model_1" in said
        assert "readers now see model_1" in await asyncio.to_thread(run, "rollback", "--no-verify")
        await asyncio.to_thread(run, "cutover", "--no-verify")
        assert await asyncio.to_thread(run, "drop-old") == "dropped model_1\n"
    refused = run_tailrace(settings, "rollback")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("tailrace: there is no older model")


async def test_a_replay_of_a_log_without_its_beginning_needs_partial(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(10))
    info = await log.stream_info("ANALYTICS")
    await log.api(
        "STREAM.UPDATE.ANALYTICS", {**info["config"], "max_age": 200_000_000, "duplicate_window": 200_000_000}
    )

    async def gone() -> bool:
        return (await log.state()).first_seq == 11

    await until(gone)
    await log.api("STREAM.UPDATE.ANALYTICS", {**info["config"], "duplicate_window": 200_000_000})
    await log_events(log, some_events(5, seed=2))
    refused = run_tailrace(settings, "replay")
    assert refused.returncode == 1
    assert "the log begins at sequence 11" in refused.stderr
    assert "--partial" in refused.stderr
    ran = run_tailrace(settings, "replay", "--partial")
    assert ran.returncode == 0, ran.stderr
    [model] = [model for model in await list_models(connection) if not model.live]
    assert await connection.fetchval("select log_from from model_2.projection_position") == 11
    receipt = await verify(log, connection, model=model)
    assert receipt.as_json() == IsPartialDict({"from": 11, "to": 15, "events": 5, "differences": []})
