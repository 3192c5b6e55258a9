"""Replay into a fresh database: the same read model by its digest, however often it was interrupted."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from contracts.cursors import Cursor
from contracts.errors import ConflictError, ForeignHistoryError
from migrations.catalogue import list_models
from migrations.stream_metadata import new_epoch
from projection.cutover import drop_old
from projection.replay import Step, replay
from projection.worker import project
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.query.conftest import running_query
from tests.support.database_roles import Role, temporary_role
from tests.support.events import log_events, log_raw, some_events
from tests.support.processes import TailraceProcess, run_tailrace, start_service
from tests.support.projector import running_projector, until_projected
from tests.support.recount import read_model
from tests.support.stats_endpoint import get_stats, recount
from tests.support.timescale import fresh_database, timescale_servers
from verification.run import verify


@pytest.fixture
async def target(request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database that does not exist yet; with TimescaleDB, of an empty one."""
    if (server := getattr(request, "param", "postgres")) != "postgres":
        async with fresh_database(server) as dsn:
            yield dsn
        return
    name = f"replay {uuid4().hex}"
    yield postgres_server.dsn(name.replace(" ", "%20"))
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await admin.execute(f'drop database if exists "{name}" with (force)')
    await admin.close()


@pytest.fixture
async def role(postgres_server: EmbeddedPostgres) -> AsyncIterator[Role]:
    """A role that may not even connect to the default database."""
    async with temporary_role(postgres_server, connects_to_postgres=False) as role:
        yield role


def into(settings: Settings, target: str, **changes: object) -> Settings:
    return settings.model_copy(update={"database": target, **changes})


async def digest(log: LogClient, dsn: str) -> str:
    """Returns the digest of a verified database."""
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    receipt = await verify(log, connection)
    await connection.close()
    assert receipt.differences == []
    return receipt.table_digest


@pytest.mark.parametrize("target", ["postgres", *timescale_servers(native_only=False)], indirect=True)
async def test_a_replay_builds_the_live_model_again(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, target: str
) -> None:
    sent = await log_events(log, some_events(300))
    await log_raw(log, b"garbage")
    await log_events(log, sent[:5])
    async with running_projector(settings):
        await until_projected(connection, log)
        done = await replay(log, into(settings, target), asyncio.Event())
    assert done.finished
    assert await digest(log, target) == await digest(log, settings.dsn)
    replayed = await asyncpg.connect(target, server_settings={"timezone": "UTC"})
    assert await read_model(replayed) == await read_model(connection)
    assert await replayed.fetchval("select count(*) from late_ranges") == 0
    await replayed.close()


async def test_an_interrupted_replay_resumes(log: LogClient, settings: Settings, target: str) -> None:
    await log_events(log, some_events(200))
    small = into(settings, target, batch_size=20)
    stop = asyncio.Event()
    steps: list[Step] = []

    def interrupt(step: Step) -> None:
        steps.append(step)
        if step.position.seq >= 60:
            stop.set()

    first = await replay(log, small, stop, on_step=interrupt)
    assert not first.finished
    assert 60 <= first.position.seq < 200
    second = await replay(log, small, asyncio.Event(), on_step=steps.append)
    assert second.finished
    assert steps[-1] == second
    positions = [step.position.seq for step in steps]
    assert positions == sorted(positions)
    await digest(log, target)


async def test_a_replay_ends_exactly_at_until(log: LogClient, settings: Settings, target: str) -> None:
    await log_events(log, some_events(100))
    entry = await log.get(37)
    assert entry is not None
    end = entry.cursor((await log.state()).epoch)
    done = await replay(log, into(settings, target), asyncio.Event(), until=end)
    assert done == Step("model_1", end, 37)
    connection = await asyncpg.connect(target)
    assert await connection.fetchval("select max(seq) from analytics_events") == 37
    await connection.close()
    assert (await replay(log, into(settings, target), asyncio.Event(), until=end)).finished


async def test_a_model_that_is_beyond_until_does_not_go_back(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(50))
    epoch = (await log.state()).epoch
    ends = {seq: entry.cursor(epoch) for seq in (10, 40) if (entry := await log.get(seq))}
    done = run_tailrace(settings, "replay", "--until", str(ends[40]))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^40 of 40 log entries, [\d,]+/s, at {ends[40]}; done$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("model_2 stops at that cursor; `tailrace replay` continues to the log's end\n")
    refused = run_tailrace(settings, "replay", "--until", str(ends[10]))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"tailrace: model_2 is at {ends[40]}, already beyond log entry 10: `tailrace drop-old`, then replay again\n"
    )
    assert (await replay(log, settings, asyncio.Event(), candidate=True, until=ends[40])).finished
    assert [model.state for model in await list_models(connection)] == ["ready", "building"]
    assert (await replay(log, settings, asyncio.Event(), candidate=True)).position.seq == 50
    assert [model.state for model in await list_models(connection)] == ["ready", "ready"]


async def test_a_model_of_another_log_is_not_a_finished_replay(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    stop = asyncio.Event()
    assert not (await replay(log, settings, stop, candidate=True, on_step=lambda step: stop.set())).finished
    await new_epoch(log)
    await connection.execute("update model_2.projection_position set seq = 20, epoch = 'elsewhere'")
    with pytest.raises(ForeignHistoryError, match="elsewhere"):
        await replay(log, settings, asyncio.Event(), candidate=True)
    assert [model.state for model in await list_models(connection)] == ["ready", "building"]


@pytest.mark.parametrize("half", [False, True])
async def test_a_model_that_is_dropped_before_its_replay_has_finished_is_not_announced(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    await log_events(log, some_events(20))

    async def project_and_meanwhile(*arguments: Any, **options: Any) -> None:
        await project(*arguments, **options)
        if half:
            await connection.execute("update tailrace.models set state = 'dropping' where not live")
        else:
            await drop_old(connection)

    monkeypatch.setattr("projection.replay.project", project_and_meanwhile)
    with pytest.raises(ConflictError, match=r"model_2 was dropped in the meantime .*`tailrace replay` builds another"):
        await replay(log, settings, asyncio.Event(), candidate=True)
    assert {model.state for model in await list_models(connection) if not model.live} == (
        {"dropping"} if half else set()
    )


async def test_a_model_that_is_dropped_before_its_replay_starts_is_reported(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log_events(log, some_events(20))

    async def project_meanwhile(*arguments: Any, **options: Any) -> None:
        await drop_old(connection)
        await project(*arguments, **options)

    monkeypatch.setattr("projection.replay.project", project_meanwhile)
    with pytest.raises(ConflictError, match="model_2 was dropped in the meantime"):
        await replay(log, settings, asyncio.Event(), candidate=True)


async def test_the_owner_of_the_database_needs_no_right_on_another(
    log: LogClient, settings: Settings, role: Role, target: str
) -> None:
    await log_events(log, some_events(10))
    missing = run_tailrace(settings, "replay", "--into", role.dsn(target))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("tailrace: the database replay ")
    assert missing.stderr.endswith(
        " does not exist and can't be created: the database refuses the connection: "
        'permission denied for database "postgres"\n'
    )
    await role.create_database(target)
    done = run_tailrace(settings, "replay", "--into", role.dsn(target))
    assert done.returncode == 0, done.stderr
    await digest(log, target)


async def test_a_role_that_may_not_connect_gets_an_error(log: LogClient, settings: Settings, role: Role) -> None:
    refused = run_tailrace(settings, "replay", "--into", role.dsn(role.server.dsn("postgres")))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("tailrace: the database refuses the connection: permission denied for database")
    assert "Traceback" not in refused.stderr


async def test_a_replay_into_the_live_database_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    async with running_projector(settings):
        await until_projected(connection, log)
        with pytest.raises(ConflictError, match="a model of its own"):
            await replay(log, settings, asyncio.Event())


async def test_services_continue_on_the_replayed_database(log: LogClient, settings: Settings, target: str) -> None:
    events = await log_events(log, some_events(50))
    there = into(settings, target)
    assert (await replay(log, there, asyncio.Event())).finished
    events += await log_events(log, some_events(20, seed=2))
    connection = await asyncpg.connect(target)
    async with running_projector(there) as task, running_query(there) as query:
        await until_projected(connection, log, task)
        assert await get_stats(query, bucket="day") == IsPartialDict(recount(events, "day"))
    await connection.close()
    await digest(log, target)


async def test_an_end_in_another_log_is_refused(log: LogClient, settings: Settings, target: str) -> None:
    await log_events(log, some_events(5))
    with pytest.raises(ForeignHistoryError):
        await replay(log, into(settings, target), asyncio.Event(), until=Cursor("elsewhere", 3, "00000000"))


async def test_the_command_killed_twice_still_ends_with_the_right_model(
    log: LogClient, settings: Settings, target: str
) -> None:
    await log_events(log, some_events(1_000))
    small = settings.model_copy(update={"batch_size": 10})

    def start(share: str) -> TailraceProcess:
        return start_service(small, "replay", "--into", target, "--json", "--share", share, stdout=subprocess.PIPE)

    reached = 0
    for _ in range(2):
        process = start("0.05")
        assert process.stdout is not None
        before = reached
        while reached <= before:
            line = json.loads(await asyncio.to_thread(process.stdout.readline))
            assert line == IsPartialDict(of=1_000)
            assert line["done"] >= before
            reached = line["done"]
        process.kill()
        process.wait()
        process.stdout.close()
        assert before < reached < 1_000
    process = start("1")
    output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines[0]["done"] >= reached
    assert lines[-1] == IsPartialDict(done=1_000, of=1_000, finished=True)
    await digest(log, target)
