"""Small batches commit in one statement, unless something about them is unusual."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from contracts.cursors import Cursor
from contracts.upcasting import NO_UPCASTERS
from migrations.catalogue import get_live_model, use_model
from projection.decode import decode
from projection.store import Committed, Store
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.settings import Settings
from tests.support.events import BASE, event, log_event, log_events, log_raw, some_events
from tests.support.projector import running_projector, until_projected
from tests.support.recount import read_model, recount_log
from verification.run import verify


async def commit_all(log: LogClient, stores: Iterator[Store]) -> list[Committed]:
    """Commits the log, each entry a batch of its own, through the next of several stores."""
    position = Cursor((await log.state()).epoch, 0)
    reader, done = LogReader(log, position), []
    for entry in await reader.read(1_000, 5):
        done.append(await next(stores).commit(decode([entry], NO_UPCASTERS), position))
        position = entry.cursor(position.epoch)
    await reader.close()
    return done


async def test_duplicates_new_users_and_parked_entries_in_batches_of_one(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_events(60))
    await log_event(log, event(user_id=777, event_id=events[3].event_id), "again, as a user without other events")
    await log_raw(log, b"not an event")
    await log_event(log, event(user_id=None))
    await log_event(log, event(user_id=778, created_at=BASE))
    async with running_projector(settings.model_copy(update={"batch_size": 1})) as task:
        await until_projected(connection, log, task)
    assert await connection.fetchval("select count(*) from analytics_events") == 62
    assert await connection.fetchval("select count(*) from users where user_id = 777") == 0
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []


async def test_usual_batches_are_one_statement(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await use_model(connection, await get_live_model(connection))
    store = Store(connection, await get_live_model(connection))
    await log_events(log, [event("click", 1), event("click", 2)])
    statements: list[str] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        statements.append(query.query)

    position = Cursor((await log.state()).epoch, 0)
    reader = LogReader(log, position)
    first, second = await reader.read(2, 5)
    await reader.close()
    await store.commit(decode([first], NO_UPCASTERS), position)
    with connection.query_logger(note):
        await store.commit(decode([second], NO_UPCASTERS), first.cursor(position.epoch))
        await asyncio.sleep(0)  # asyncpg logs in the next turn
    assert len(statements) == 1


@pytest.mark.parametrize("turns", [[0, 1], [0, 0, 1, 0, 1, 1]])
async def test_projectors_that_take_turns_count_users_once(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, turns: list[int]
) -> None:
    model = await get_live_model(connection)
    await use_model(connection, model)
    other = await asyncpg.connect(settings.dsn)
    await use_model(other, model)
    try:
        stores = [Store(connection, model), Store(other, model)]
        await log_events(log, (event(user_id=number // 2 % 9, event_id=UUID(int=number + 1)) for number in range(40)))
        done = await commit_all(log, (stores[turns[number % len(turns)]] for number in range(40)))
    finally:
        await other.close()
    assert sum(one.stored for one in done) == 40
    assert await read_model(connection) == await recount_log(log)
    assert (await verify(log, connection)).differences == []
