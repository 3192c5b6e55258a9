"""Replay into a fresh database: the same read model, proven by its digest, however often it was interrupted."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from query.conftest import running_query
from support.events import log_events, log_raw, some_events
from support.processes import start_service
from support.projector import running_projector, until_projected
from support.recount import read_model
from support.stats import ask, recount
from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import ConfigurationError, ForeignHistoryError
from tailrace.ops.embedded.postgres import EmbeddedPostgres
from tailrace.projection.replay import Step, replay
from tailrace.projection.verify.run import verify
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.settings import Settings


@pytest.fixture
async def target(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database that is not there yet."""
    name = f"replay {uuid4().hex}"
    yield postgres_server.dsn(name.replace(" ", "%20"))
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await admin.execute(f'drop database if exists "{name}" with (force)')
    await admin.close()


def into(settings: Settings, target: str, **changes: object) -> Settings:
    return settings.model_copy(update={"database": target, **changes})


async def digest(log: LogClient, dsn: str) -> str:
    """The digest of a database that agrees with the log."""
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    receipt = await verify(log, connection)
    await connection.close()
    assert receipt.differences == []
    return receipt.table_digest


async def test_a_replay_gives_the_live_model_again(
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
    await replayed.close()


async def test_an_interrupted_replay_goes_on_where_it_was(log: LogClient, settings: Settings, target: str) -> None:
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


async def test_a_replay_into_the_live_database_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    async with running_projector(settings):
        await until_projected(connection, log)
        with pytest.raises(ConfigurationError, match="a model of its own"):
            await replay(log, settings, asyncio.Event())


async def test_services_pointed_at_the_replayed_database_go_on_there(
    log: LogClient, settings: Settings, target: str
) -> None:
    events = await log_events(log, some_events(50))
    there = into(settings, target)
    assert (await replay(log, there, asyncio.Event())).finished
    events += await log_events(log, some_events(20, seed=2))
    connection = await asyncpg.connect(target)
    async with running_projector(there) as task, running_query(there) as query:
        await until_projected(connection, log, task)
        assert await ask(query, bucket="day") == IsPartialDict(recount(events, "day"))
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

    def start() -> "subprocess.Popen[bytes]":
        return start_service(small, "replay", "--into", target, "--json", stdout=subprocess.PIPE)

    reached = 0
    for kill in (signal.SIGKILL, signal.SIGKILL):
        process = start()
        assert process.stdout is not None
        first = json.loads(await asyncio.to_thread(process.stdout.readline))
        assert first == IsPartialDict(of=1_000)
        assert first["done"] >= reached
        reached = first["done"]
        process.send_signal(kill)
        process.wait()
        process.stdout.close()
    process = start()
    output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1]) == IsPartialDict(done=1_000, of=1_000, finished=True)
    await digest(log, target)
