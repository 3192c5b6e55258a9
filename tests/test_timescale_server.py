"""The WASM server behaves like a native TimescaleDB, within its documented limits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import ConfigurationError
from tailrace.embedded.ports import free_port
from tests.support.timescale import install
from tests.support.waiting import until

Connect = Callable[..., Awaitable["asyncpg.Connection"]]
NOW = datetime.now(UTC)


@pytest.fixture
async def connect(timescale_database: str) -> AsyncIterator[Connect]:
    """Opens connections to one fresh database; keyword arguments go into the start-up packet."""
    opened = []

    async def open_connection(**settings: str) -> "asyncpg.Connection":
        opened.append(await asyncpg.connect(timescale_database, server_settings=settings))
        return opened[-1]

    yield open_connection
    for connection in opened:
        await connection.close()


async def hypertable(connection: "asyncpg.Connection", days: int) -> None:
    """A hypertable with one event an hour."""
    await connection.execute(
        f"""
        create table events (created_at timestamptz not null, event_type text not null);
        select create_hypertable('events', 'created_at', chunk_time_interval => interval '1 day');
        insert into events select now() - i * interval '1 hour', 'page_view' from generate_series(1, {days * 24}) i;
        """
    )


async def test_the_extension_is_loaded_with_the_community_licence(connect: Connect) -> None:
    connection = await connect()
    assert await connection.fetchval("select extname from pg_extension where extname = 'timescaledb'")
    assert await connection.fetchval("show timescaledb.license") == "timescale"


async def test_a_real_time_aggregate_counts_new_events_at_once_and_late_ones_after_a_refresh(connect: Connect) -> None:
    connection = await connect()
    await hypertable(connection, days=3)
    await connection.execute(
        """
        create materialized view by_hour with (timescaledb.continuous, timescaledb.materialized_only = false) as
            select time_bucket('1 hour', created_at) as bucket, count(*) as events from events group by 1
            with no data
        """
    )
    await connection.execute("call refresh_continuous_aggregate('by_hour', null, now() - interval '1 hour')")

    async def counted() -> int:
        total: int = await connection.fetchval("select sum(events)::bigint from by_hour")
        return total

    assert await counted() == 72
    await connection.execute("insert into events values (now(), 'new')")
    assert await counted() == 73
    await connection.execute("insert into events values (now() - interval '2 days', 'late')")
    assert await counted() == 73
    await connection.execute("call refresh_continuous_aggregate('by_hour', null, now() - interval '1 hour')")
    assert await counted() == 74


async def test_running_a_policys_job_compresses_old_chunks(connect: Connect) -> None:
    connection = await connect()
    await hypertable(connection, days=5)
    await connection.execute(
        "alter table events set (timescaledb.compress, timescaledb.compress_segmentby = 'event_type')"
    )
    job = await connection.fetchval(
        "select add_compression_policy('events', interval '2 days', initial_start => now() + interval '1 day')"
    )
    compressed = "select count(*) filter (where is_compressed) from timescaledb_information.chunks"
    assert await connection.fetchval(compressed) == 0
    await connection.execute(f"call run_job({job})")
    assert await connection.fetchval(compressed) >= 2
    assert await connection.fetchval("select count(*) from events") == 120


async def test_a_setting_stays_with_its_connection(connect: Connect) -> None:
    other, untouched = await connect(search_path="model_2"), await connect()
    for statement in (
        "set search_path = model_1",
        "select set_config('search_path', 'model_1', false)",
        "begin; set search_path = model_1; commit",
    ):
        one = await connect()
        await one.execute(statement)
        for _ in range(2):
            assert await one.fetchval("show search_path") == "model_1", statement
            assert await other.fetchval("show search_path") == "model_2", statement
        assert await untouched.fetchval("show search_path") == '"$user", public', statement


async def test_a_prepared_call_of_set_config_stays_with_its_connection(connect: Connect) -> None:
    one, other = await connect(), await connect()
    choose = await one.prepare("select set_config('search_path', $1, false)")
    for model in ("model_1", "model_2"):
        await choose.fetchval(model)
        assert await other.fetchval("show search_path") == '"$user", public'
        assert await one.fetchval("show search_path") == model


async def test_a_setting_that_is_rolled_back_or_local_is_gone(connect: Connect) -> None:
    one, other = await connect(lock_timeout="3s"), await connect()
    await one.execute("begin; set lock_timeout = '1s'; rollback")
    async with one.transaction():
        await one.execute("set local lock_timeout = '2s'")
    assert await other.fetchval("show lock_timeout") == "0"
    assert await one.fetchval("show lock_timeout") == "3s"


async def test_reset_returns_to_the_connections_initial_value(connect: Connect) -> None:
    one = await connect(timezone="Asia/Tokyo", application_name="one", statement_timeout="1min")
    other = await connect(timezone="UTC")
    await one.execute("set timezone = 'Europe/Berlin'; set statement_timeout = 0; set search_path = model_1")
    await one.reset()
    assert await other.fetchval("show timezone") == "UTC"
    assert [await one.fetchval(f"show {name}") for name in ("timezone", "application_name", "statement_timeout")] == [
        "Asia/Tokyo",
        "one",
        "1min",
    ]
    assert await one.fetchval("show search_path") == '"$user", public'


async def test_prepared_statements_of_two_connections_do_not_collide(connect: Connect) -> None:
    one, other = await connect(), await connect()
    for name in ("", "same"):  # the unnamed statement too
        first = await one.prepare("select 'one' || $1", name=name or None)
        second = await other.prepare("select 'other' || $1", name=name or None)
        assert await first.fetchval("!") == "one!"
        assert await second.fetchval("!") == "other!"


async def test_an_open_transaction_is_rolled_back_on_disconnect(connect: Connect) -> None:
    lasting, closed, broken = await connect(), await connect(), await connect()
    await lasting.execute("create table events (id bigint)")
    await closed.execute("begin; insert into events values (1)")
    await closed.close()
    await broken.execute("begin; insert into events values (1)")
    broken.terminate()
    async with lasting.transaction():
        await lasting.execute("lock table events")  # waits for the other's transaction
        assert await lasting.fetchval("select count(*) from events") == 0


async def test_waiting_for_another_transaction_can_be_cancelled(connect: Connect) -> None:
    holding, waiting = await connect(), await connect()
    await holding.execute("create table events (id bigint)")
    await holding.execute("begin; lock table events")
    with pytest.raises(TimeoutError):
        await waiting.fetchval("select count(*) from events where id > $1", 0, timeout=0.2)
    await holding.execute("insert into events values (1); commit")
    assert await waiting.fetchval("select count(*) from events where id > $1", 0) == 1


async def test_records_are_copied_in_and_a_refused_copy_leaves_the_connection_usable(connect: Connect) -> None:
    connection = await connect()
    await connection.execute("create table events (id bigint primary key, created_at timestamptz, event_data jsonb)")
    records = [(number, NOW - timedelta(seconds=number), '{"path": "/"}') for number in range(5000)]
    await connection.copy_records_to_table("events", records=records)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.copy_records_to_table("events", records=records[:1])
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.copy_records_to_table("nothing", records=records)
    assert await connection.fetchval("select count(*) from events where event_data ->> 'path' = '/'") == 5000


async def test_a_read_only_repeatable_read_transaction_refuses_to_write(connect: Connect) -> None:
    connection = await connect()
    await connection.execute("create table events (id bigint)")
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await connection.fetchval("show transaction_isolation") == "repeatable read"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with connection.transaction():
                await connection.execute("insert into events values (1)")
    await connection.execute("insert into events values (1)")


async def test_a_pool_of_eight_connections_is_used_concurrently(timescale_database: str) -> None:
    async with asyncpg.create_pool(
        timescale_database, min_size=8, max_size=8, server_settings={"timezone": "UTC"}
    ) as pool:
        await pool.execute("create table events (id bigint)")

        async def insert(number: int) -> int:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("insert into events values ($1)", number)
                inserted: int = await connection.fetchval("select id from events where id = $1", number)
                return inserted

        assert await asyncio.gather(*map(insert, range(40))) == list(range(40))
        assert await pool.fetchval("select count(*) from events") == 40


async def test_a_notification_reaches_a_listener_after_another_has_stopped(connect: Connect) -> None:
    listening, leaving, sending = await connect(), await connect(), await connect()
    received: list[object] = []
    for connection in (listening, leaving):
        await connection.add_listener("moved", lambda *arguments: received.append(arguments[-1]))
    await leaving.reset()  # UNLISTEN *
    await sending.execute("select pg_notify('moved', 'model_2')")

    async def has_received() -> bool:
        return bool(received)

    await until(has_received)
    assert received == ["model_2"]


async def test_an_unknown_database_is_refused(timescale_database: str) -> None:
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(timescale_database, database="another")


def test_an_unreachable_registry_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(ConfigurationError, match=r"make npm's registry reachable .*ECONNREFUSED"):
        install(tmp_path / "timescale")
