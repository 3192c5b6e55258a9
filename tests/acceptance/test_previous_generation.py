"""A database that the version before made: read while frozen, never written, succeeded by a replay, and given back."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from dirty_equals import IsFloat, IsPartialDict, IsStr

from contracts.entries import Gap
from contracts.errors import ConflictError, OldGenerationError
from migrations.catalogue import list_models, live_of
from migrations.runner import migrate
from projection.cutover import cut_over, drop_old, roll_back
from projection.offline import rebuild_offline
from projection.parked import ParkedEvents
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.postgres import read_sql
from runtime.settings import Settings
from tailrace.doctor import examine
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres
from tailrace.status import read_status
from tailrace.up.panel import make_display
from tailrace.up.upgrade import Upgrade
from tests.query.conftest import QueryService, running_query
from tests.support.events import BASE, log_event, log_events, log_raw, some_events
from tests.support.log_damage import allow_deletes, delete_entries
from tests.support.previous_version import PreviousVersion
from tests.support.processes import run_tailrace
from tests.support.projector import running_projector, verifier
from tests.support.servers import NatsServer
from tests.support.timescale import fresh_database, timescale_servers
from tests.support.waiting import until
from verification.run import verify

pytestmark = pytest.mark.timeout(180)
EVENTS = 400
Answers = list[dict[str, Any]]
_START, _END = ((BASE + timedelta(hours=hours, minutes=17)).isoformat().replace("+00:00", "Z") for hours in (1, 50))
RETENTION = {"cohort": "page_view", "bucket": "day", "from": "2026-03-01T00:00:00Z", "to": "2026-03-06T00:00:00Z"}
QUESTIONS = [
    "/stats",
    "/stats?event_type=click&event_type=page_view&bucket=hour",
    f"/stats?from={_START}&to={_END}&tz=Asia/Kolkata&bucket=day&compare=previous",
    f"/stats?from={_START}&event_type=checkout.*&users=false",
    f"/stats?from={_START}&top=event_data.n&top_limit=3",
    "/events?limit=500",
    "/events?limit=7&user_id=3",
    f"/events?limit=7&user_id=3&event_type=click&from={_START}&to={_END}",
    "/events?limit=5&event_type=click",
]


@pytest.fixture(params=["postgres", *timescale_servers(native_only=False)])
async def database(request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of an empty database of either flavour."""
    if request.param != "postgres":
        async with fresh_database(request.param) as dsn:
            yield dsn
        return
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    name = f"test_{uuid4().hex}"
    await admin.execute(f"create database {name}")
    yield postgres_server.dsn(name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture
def settings(nats_server: NatsServer, database: str) -> Settings:
    """Settings for it."""
    return Settings(nats_url=nats_server.url, database=database, query_port=free_port(), log_level="debug")


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables."""
    return {
        "TAILRACE_NATS_URL": settings.nats_url,
        "TAILRACE_DATABASE": settings.dsn,
        "TAILRACE_QUERY_PORT": str(settings.query_port),
    }


@pytest.fixture
async def old_model(
    log: LogClient, settings: Settings, previous_version: PreviousVersion, environment: dict[str, str]
) -> None:
    """A log with duplicates and an entry to park, which the version before has projected; this one has migrated it."""
    await allow_deletes(log)
    events = await log_events(log, some_events(EVENTS, users=range(50)))
    for number, one in enumerate(events[:20]):
        await log_event(log, msgspec.structs.replace(one, user_id=number), message_id=str(uuid4()))
    await log_raw(log, b"not an event")
    await asyncio.to_thread(previous_version.run, "replay", "--into", settings.dsn, environment=environment)
    connection = await asyncpg.connect(settings.dsn)
    await migrate(connection, settings)
    await connection.close()


async def ask_previous_version(settings: Settings, version: PreviousVersion, environment: dict[str, str]) -> Answers:
    with version.serving("query", environment):
        url = f"http://127.0.0.1:{settings.query_port}"
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            await until(lambda: _answers(http))
            return [(await http.get(question)).raise_for_status().json() for question in QUESTIONS]


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/ping")).status_code == 200
    except httpx.TransportError:
        return False


async def ask(query: QueryService) -> Answers:
    return [(await query.http.get(question)).raise_for_status().json() for question in QUESTIONS]


def numbers(answers: Answers) -> Answers:
    """Answers without their positions, and without what the version before did not say."""
    new = {"as_of", "users_per_bucket", "users_per_type", "other_types", "matching"}
    kept = [{key: value for key, value in answer.items() if key not in new} for answer in answers]
    for answer in kept:
        if answer.get("top"):
            answer["top"] = {key: answer["top"][key] for key in ("property", "values", "other", "missing")}
            answer["top"]["values"] = [(one["value"], one["events"]) for one in answer["top"]["values"]]
        if answer.get("previous"):
            answer["previous"] = {key: answer["previous"][key] for key in ("from", "to", "totals", "by_type")}
        if "series" in answer:
            answer["series"] = [{**point, "users": None} for point in answer["series"]]
    return kept


async def end_of(log: LogClient) -> str:
    state = await log.state()
    last = await log.get(state.last_seq)
    assert last is not None
    return str(last.cursor(state.epoch))


async def build(log: LogClient, settings: Settings) -> str:
    step = await replay(log, settings, asyncio.Event(), candidate=True)
    assert step.finished
    return step.model


async def test_the_old_model_answers_as_before_while_its_successor_is_built_and_shown_and_after_a_rollback(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    old_model: None,
    previous_version: PreviousVersion,
    environment: dict[str, str],
) -> None:
    # although this version has migrated the database
    answers = await ask_previous_version(settings, previous_version, environment)
    async with running_query(settings) as query:
        frozen = await ask(query)
        assert numbers(frozen) == numbers(answers)
        for now, before in zip(frozen, answers, strict=True):
            assert now["as_of"] == IsPartialDict(cursor=before["as_of"]["cursor"], stale=True)
        [later] = await log_events(log, [next(some_events(1, seed=2))])
        assert (await query.http.get(f"/events/{later.event_id}")).json()["state"] == "logged"
        assert (await ask(query))[0]["as_of"] == frozen[0]["as_of"] | {"lag_events": 1, "lag_seconds": IsFloat()}
        waited = await query.http.get("/stats", params={"min_cursor": await end_of(log)})
        assert (waited.status_code, waited.json()["detail"]) == (504, IsStr(regex=".*stays at .* successor is built.*"))
        assert (await query.status())["stale"] is True
        retention = (await query.http.get("/retention", params=RETENTION)).json()
        [viewers] = [one["users"] for one in frozen[0]["by_type"] if one["event_type"] == RETENTION["cohort"]]
        assert sum(cohort["users"] for cohort in retention["cohorts"]) == viewers
        assert retention["as_of"] == IsPartialDict(stale=True)

        model = await build(log, settings)
        assert (await verify(log, connection)).model == model
        async with running_projector(settings):
            assert (await cut_over(log, connection, verifier(log, connection))).new.name == model
            new = await ask(query)
            assert all(answer["as_of"]["stale"] is False for answer in new)
            assert new[0]["totals"]["events"] == frozen[0]["totals"]["events"] + 1
            await roll_back(log, connection, verifier(log, connection))
            assert numbers(await ask(query)) == numbers(frozen)
            await cut_over(log, connection)
            assert numbers(await ask(query)) == numbers(new)
            assert [one.name for one in await drop_old(connection)] == ["model_1"]
            assert numbers(await ask(query)) == numbers(new)
        assert (await verify(log, connection)).differences == []


async def test_no_request_fails_and_no_answer_mixes_generations_while_readers_change_between_them(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, old_model: None
) -> None:
    await log_events(log, some_events(30, seed=2))
    await build(log, settings)
    seen: set[tuple[bool, int, int]] = set()
    async with running_query(settings) as query, running_projector(settings):
        swapping = asyncio.create_task(_swap_often(log, connection))

        async def client() -> None:
            while not swapping.done():
                answer = (
                    (await query.http.get("/stats?event_type=click&event_type=page_view")).raise_for_status().json()
                )
                seen.add((answer["as_of"]["stale"], answer["totals"]["events"], answer["totals"]["users"]))

        await asyncio.gather(*(client() for _ in range(4)))
        await swapping
    assert len(seen) == 2
    assert {stale for stale, _, _ in seen} == {True, False}


async def _swap_often(log: LogClient, connection: asyncpg.Connection) -> None:
    for _ in range(4):
        await cut_over(log, connection)
        await roll_back(log, connection)


async def test_the_old_model_is_never_written(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, old_model: None
) -> None:
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'model_1' order by 1")
    sums = [f"(select coalesce(sum(hashtext({row[0]}::text)), 0) from model_1.{row[0]})" for row in tables]
    before = await connection.fetchrow(f"select {', '.join(sums)}")
    await log_events(log, some_events(30, seed=2))
    with pytest.raises(OldGenerationError, match="`tailrace replay` builds a new one"):
        await replay(log, settings, asyncio.Event())
    with pytest.raises(OldGenerationError):
        await anext((await ParkedEvents.of(connection)).retry())
    with pytest.raises(OldGenerationError):
        await verify(log, connection)
    model = await build(log, settings)
    async with running_projector(settings):
        await cut_over(log, connection, verifier(log, connection))
        await log_events(log, some_events(30, seed=3))
        last = (await log.state()).last_seq

        async def projected() -> bool:
            return bool(await connection.fetchval(f"select seq from {model}.projection_position") == last)

        await until(projected)
        await roll_back(log, connection, verifier(log, connection))
    assert await connection.fetchrow(f"select {', '.join(sums)}") == before


async def test_status_names_the_next_command(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, old_model: None
) -> None:
    async def problems() -> str:
        return "; ".join((await read_status(settings))["problems"])

    assert "`tailrace replay` builds a candidate model, then `tailrace cutover`" in await problems()
    stop = asyncio.Event()
    small = settings.model_copy(update={"batch_size": 10})
    await replay(log, small, stop, candidate=True, on_step=lambda _: stop.set())
    assert "`tailrace replay` resumes an interrupted replay" in await problems()
    await build(log, settings)
    assert "`tailrace verify` compares it with the log, `tailrace cutover` shows it" in await problems()
    await cut_over(log, connection, verifier(log, connection))
    assert "model_1" not in await problems()
    examined = [finding.text for finding in await examine(settings) if finding.part == "models"]
    assert IsStr(regex="model_1, which an earlier version made, is frozen: `tailrace rollback` .*") in examined


async def test_a_successor_with_fewer_events_is_not_shown_unless_their_loss_is_accepted(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, old_model: None
) -> None:
    await delete_entries(log, Gap(1, 50))  # 20 of them have duplicates later
    assert (await replay(log, settings, asyncio.Event(), candidate=True, partial=True)).finished
    with pytest.raises(ConflictError, match=r"model_2 lacks 30 events of model_1, .* `tailrace cutover --lose 30`"):
        await cut_over(log, connection, verifier(log, connection))
    assert live_of(await list_models(connection)).name == "model_1"
    with pytest.raises(ConflictError, match="the old model is not dropped, since it can't be rebuilt"):
        await rebuild_offline(log, connection, settings)
    assert (await cut_over(log, connection, verifier(log, connection), lose=30)).new.live


async def test_without_space_for_both_the_old_model_stays_until_an_offline_rebuild_drops_it(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    old_model: None,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    size = await connection.fetchval(read_sql("tailrace", "model_size"), ["model_1"])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=int(1.1 * size)))
    with make_display() as display:
        await Upgrade(tmp_path, settings.dsn, display).run()
    reason = IsStr(regex=r"its successor needs .* MB, .* `tailrace up --offline-rebuild`, which drops the old .*")
    assert reason in (await read_status(settings))["problems"]
    assert [model.name for model in await list_models(connection)] == ["model_1"]

    done = await asyncio.to_thread(run_tailrace, settings, "migrate", "--offline-rebuild")
    assert (done.returncode, "dropped model_1\n" in done.stdout) == (0, True), done.stderr
    assert live_of(await list_models(connection)).is_current
    assert await rebuild_offline(log, connection, settings) == []
    async with running_query(settings) as query, running_projector(settings):
        answer = await query.http.get("/stats", params={"min_cursor": await end_of(log)})
        assert answer.json()["totals"] == {"events": EVENTS, "users": 50}


async def test_views_of_others_are_named_and_grants_are_kept(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, old_model: None
) -> None:
    await build(log, settings)
    for view in ("all_time", "users_by_type"):
        await connection.execute(f"grant select on public.{view} to public")
    await connection.execute("create view public.mine as select count(*) from public.users")
    with pytest.raises(ConflictError, match=r"view .*mine depends on view .*users; drop it"):
        await cut_over(log, connection)
    await connection.execute("drop view public.mine")
    await cut_over(log, connection)
    may = "select has_table_privilege('pg_monitor', 'public.all_time', 'select')"
    assert await connection.fetchval(may)
    assert await connection.fetchval("select to_regclass('public.users_by_type')") is None
