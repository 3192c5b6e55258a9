"""Cutovers while others read, project, drop or cut over: no long waits, and the live model is never dropped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from contracts.errors import ConflictError
from migrations.catalogue import Model, list_models
from migrations.runner import migration_lock
from projection import cutover
from projection.cutover import NotSwappedError, cut_over, drop_old, roll_back
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events, some_events
from tests.support.projector import live_model_name, running_with_candidate, verifier
from tests.support.recount import read_model, recount_log
from tests.support.waiting import until

Another = Callable[[], Awaitable["asyncpg.Connection"]]


@pytest.fixture
async def another(settings: Settings) -> AsyncIterator[Another]:
    """Opens another connection, which is closed at the end."""
    async with AsyncExitStack() as ending:

        async def connect() -> "asyncpg.Connection":
            made = await asyncpg.connect(settings.dsn)
            ending.push_async_callback(made.close)
            return made

        yield connect


async def waiting(connection: "asyncpg.Connection", relation: str, seconds: float = 0.0) -> bool:
    """Returns whether a session has waited that long for a lock on a relation or one of its rows."""
    found = await connection.fetchval(
        """
        select exists (
            select from pg_locks waits join pg_locks wanted using (pid)
             where not waits.granted and wanted.relation = $1::text::regclass
               and (waits.relation = wanted.relation or waits.locktype = 'transactionid')
               and clock_timestamp() - waits.waitstart > make_interval(secs => $2)
        )
        """,
        relation,
        seconds,
    )
    return bool(found)


async def reading(reader: "asyncpg.Connection", relation: str) -> Callable[[], Awaitable[None]]:
    """Starts a psql session whose transaction has read a table; returns a function that ends it."""
    transaction: Any = reader.transaction(isolation="repeatable_read")
    await transaction.start()
    await reader.execute(f"select from {relation} limit 1")
    return transaction.rollback  # type: ignore[no-any-return]


async def test_readers_wait_no_longer_for_all_views_than_for_one(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    another: Another,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutover, "TIMEOUT", 0.0)
    monkeypatch.setattr(cutover, "READERS_TIMEOUT", 1.0)
    views = ("projection_position", "events_by_minute", "users", "all_time", "parked_events")
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        ends = [await reading(await another(), f"public.{view}") for view in views]
        swapping = asyncio.create_task(cut_over(log, await another()))
        for view, end in zip(views, ends, strict=True):

            async def held_up(view: str = view) -> bool:
                return swapping.done() or await waiting(connection, f"public.{view}", 0.4)

            await until(held_up)
            await end()
        with pytest.raises(NotSwappedError, match="keeps reading the tables"):
            await swapping
        assert await live_model_name(connection) == "model_1"
        assert (await cut_over(log, connection)).new.name == "model_2"


@pytest.mark.parametrize("model", ["model_1", "model_2"])
async def test_a_cutover_waits_for_a_long_batch_without_blocking_readers(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    another: Another,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
) -> None:
    monkeypatch.setattr(cutover, "TIMEOUT", 0.0)
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        pass
    batch = await another()
    transaction = batch.transaction()
    await transaction.start()
    await batch.execute(f"update {model}.projection_position set revision = revision")
    swapping = asyncio.create_task(cut_over(log, await another()))

    async def held_up() -> bool:
        return swapping.done() or await waiting(connection, f"{model}.projection_position", 0.5)

    await until(held_up)
    assert await connection.fetchval("select count(*) from public.analytics_events") == 20
    await transaction.commit()
    assert (await swapping).new.live


async def test_a_batch_that_does_not_end_is_named_and_blocks_no_reader(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    another: Another,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutover, "TIMEOUT", 0.0)
    monkeypatch.setattr(cutover, "BATCH_TIMEOUT", 0.1)
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        pass
    batch = await another()
    async with batch.transaction():
        await batch.execute("update model_1.projection_position set revision = revision")
        with pytest.raises(NotSwappedError, match="a batch for model_1 takes longer than"):
            await cut_over(log, connection)


async def test_drop_old_does_not_drop_a_model_that_has_just_become_live(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, another: Another
) -> None:
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        end = await reading(await another(), "public.projection_position")
        swapping = asyncio.create_task(cut_over(log, await another()))
        await until(lambda: waiting(connection, "public.projection_position"))
        dropping = asyncio.create_task(drop_old(await another()))
        await until(lambda: _waits_for_the_migration_lock(connection))
        await end()
        assert (await swapping).new.name == "model_2"
        with pytest.raises(ConflictError, match="model_2 has just become the live model, so it stays"):
            await dropping
        assert [(model.name, model.live, model.state) for model in await list_models(connection)] == [
            ("model_1", False, "ready"),
            ("model_2", True, "ready"),
        ]
        assert await read_model(connection) == await recount_log(log)
        assert [model.name for model in await drop_old(connection)] == ["model_1"]


async def test_a_model_that_is_still_read_is_not_dropped_and_stays_projected(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, another: Another
) -> None:
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        await cut_over(log, connection)
        reader = await another()
        process = await reader.fetchval("select pg_backend_pid()")
        end = await reading(reader, "model_1.analytics_events")
        with pytest.raises(ConflictError, match=rf"model_1 is still being read: .* \(process {process}\) to end"):
            await drop_old(connection, timeout=3)
        async with asyncio.timeout(10), migration_lock(await another()):
            pass  # a service that starts now does not wait for the reader
        await log_events(log, some_events(10, seed=2))
        await until(lambda: _is_at(connection, "model_1", 30))
        assert (await roll_back(log, connection)).new.name == "model_1"
        await cut_over(log, connection)
        await end()
        assert [model.name for model in await drop_old(connection)] == ["model_1"]


async def _is_at(connection: "asyncpg.Connection", model: str, seq: int) -> bool:
    return bool(await connection.fetchval(f"select seq = {seq} from {model}.projection_position"))


async def _waits_for_the_migration_lock(connection: "asyncpg.Connection") -> bool:
    query = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
    return bool(await connection.fetchval(query))


async def test_a_model_that_is_dropped_while_it_is_verified_is_not_shown(
    log: LogClient,
    settings: Settings,
    connection: asyncpg.Connection,
    another: Another,
) -> None:
    await log_events(log, some_events(20))
    admin = await another()

    async def verify_and_drop(model: Model) -> Sequence[str]:
        differences = await verifier(log, connection)(model)
        assert [dropped.name for dropped in await drop_old(admin)] == ["model_2"]
        return differences

    async with running_with_candidate(settings, log, connection):
        with pytest.raises(ConflictError, match="model_2 was dropped in the meantime"):
            await cut_over(log, connection, verify_and_drop)
        assert await live_model_name(connection) == "model_1"
        assert await read_model(connection) == await recount_log(log)


async def test_the_later_of_two_concurrent_cutovers_is_refused(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, another: Another
) -> None:
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        connections = [await another() for _ in range(2)]
        end = await reading(await another(), "public.projection_position")
        tasks = [asyncio.create_task(cut_over(log, one)) for one in connections]
        await until(lambda: _waits_for_the_migration_lock(connection))
        await end()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        [refused] = [one for one in done if isinstance(one, Exception)]
        assert isinstance(refused, ConflictError)
        assert "model_2 became the live model in the meantime" in str(refused)
        assert await connection.fetchval("select revision from public.projection_position") == 1


async def test_a_half_dropped_model_must_be_dropped(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    async with running_with_candidate(settings, log, connection):
        pass
    await connection.execute("update tailrace.models set state = 'dropping' where name = 'model_2'")
    with pytest.raises(ConflictError, match="interrupted: run `tailrace drop-old` again"):
        await cut_over(log, connection, verifier(log, connection))
    with pytest.raises(ConflictError, match="interrupted: run `tailrace drop-old` again"):
        await replay(log, settings, asyncio.Event(), candidate=True)
    assert [model.name for model in await drop_old(connection)] == ["model_2"]
    assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
