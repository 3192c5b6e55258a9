"""kill -9 of the projector's process, again and again."""

import asyncio
import random

import asyncpg
import pytest

from support.events import log_event, some_events
from support.processes import running_service, start_service
from support.projector import until_projected
from support.recount import read_model, recount_log
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.settings import Settings

KILLS = 20


async def position(connection: asyncpg.Connection) -> int:
    seq: int = await connection.fetchval("select seq from projection_position")
    return seq


@pytest.mark.timeout(300)
async def test_kill_minus_9_at_random_moments_under_load_changes_no_number(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    # small batches: a kill lands between and within many transactions
    settings = settings.model_copy(update={"batch_size": 20})
    chance = random.Random(9)
    done = asyncio.Event()

    async def load() -> int:
        sent = 0
        for one in some_events(1_000_000):
            if done.is_set():
                break
            await log_event(log, one)
            sent += 1
            if sent % 20 == 0:  # a retry beyond the log's window
                await log_event(log, one, f"retry-{sent}")
            await asyncio.sleep(0.002)
        return sent

    loading = asyncio.create_task(load())
    killed_while_working = 0
    for _ in range(KILLS):
        before = await position(connection)
        process = start_service(settings, "serve", "projection")
        async with asyncio.timeout(30):
            while await position(connection) == before:
                assert process.poll() is None, "the projector ended by itself"
                await asyncio.sleep(0.005)
        await asyncio.sleep(chance.random() * 0.1)  # the random moment
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
