"""Repeated kill -9 of the projector's process, and of the whole database server."""

import asyncio
import random

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_event, some_events
from tests.support.processes import running_service, start_service
from tests.support.projector import until_projected
from tests.support.recount import read_model, recount_log
from tests.support.servers import PostgresServer

KILLS = 20
DATABASE_KILLS = 5


async def position(connection: asyncpg.Connection) -> int:
    seq: int = await connection.fetchval("select seq from projection_position")
    return seq


async def load(log: LogClient, done: asyncio.Event) -> int:
    """Appends events and duplicates until the stop; returns the number of events."""
    sent = 0
    for one in some_events(1_000_000):
        if done.is_set():
            break
        await log_event(log, one)
        sent += 1
        if sent % 20 == 0:  # a duplicate beyond the log's deduplication window
            await log_event(log, one, f"retry-{sent}")
        await asyncio.sleep(0.002)
    return sent


@pytest.mark.timeout(300)
async def test_kill_minus_9_at_random_times_under_load_changes_no_number(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    # small batches: a kill lands between and within many transactions
    settings = settings.model_copy(update={"batch_size": 20})
    chance = random.Random(9)
    done = asyncio.Event()
    loading = asyncio.create_task(load(log, done))
    killed_while_working = 0
    for _ in range(KILLS):
        before = await position(connection)
        process = start_service(settings, "serve", "projection")
        async with asyncio.timeout(30):
            while await position(connection) == before:
                assert process.poll() is None, "the projector ended by itself"
                await asyncio.sleep(0.005)
        await asyncio.sleep(chance.random() * 0.1)  # at a random time
        behind = (await log.state()).last_seq - await position(connection)
        process.kill()
        process.wait()
        killed_while_working += behind > 0
    done.set()
    assert await loading > 0
    with running_service(settings, "serve", "projection"):
        await until_projected(connection, log)
    assert killed_while_working > KILLS / 4
    assert await read_model(connection) == await recount_log(log)


@pytest.mark.timeout(300)
async def test_kill_minus_9_of_the_database_server_under_load_changes_no_number(
    log: LogClient, settings: Settings, own_postgres_server: PostgresServer
) -> None:
    """Commits are asynchronous: the last ones may be lost, together with the position."""
    server, chance, done = own_postgres_server, random.Random(9), asyncio.Event()
    settings = settings.model_copy(update={"database": server.embedded.dsn("analytics"), "batch_size": 20})
    await ensure_database(settings)
    loading = asyncio.create_task(load(log, done))
    lost = 0
    with running_service(settings, "serve", "projection") as projector:
        for _ in range(DATABASE_KILLS):
            connection = await asyncpg.connect(settings.dsn)
            before = await position(connection)
            async with asyncio.timeout(30):
                while await position(connection) < before + 100:
                    assert projector.poll() is None, "the projector ended by itself"
                    await asyncio.sleep(0.005)
            await asyncio.sleep(chance.random() * 0.1)  # at a random time
            seen = await position(connection)
            server.kill()
            connection.terminate()
            await asyncio.to_thread(server.start)
            connection = await asyncpg.connect(settings.dsn)
            lost += await position(connection) < seen
            await connection.close()
        done.set()
        assert await loading > 0
        connection = await asyncpg.connect(settings.dsn, server_settings={"timezone": "UTC"})
        await until_projected(connection, log)
    try:
        assert await read_model(connection) == await recount_log(log)
    finally:
        await connection.close()
    assert lost > 0, "no commit was lost: nothing was shown"
