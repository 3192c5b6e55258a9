"""The migration runner, on the real database."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from tailrace.contracts.errors import SchemaError
from tailrace.migrations.runner import live_model, migrate
from tailrace.ops.embedded.postgres import EmbeddedPostgres


@pytest.fixture
async def empty_database(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"empty_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await admin.execute(f"create database {name}")
    yield postgres_server.dsn(name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def test_two_migrators_at_once_apply_each_migration_once(empty_database: str) -> None:
    connections = [await asyncpg.connect(empty_database) for _ in range(3)]
    done = await asyncio.gather(*(migrate(connection) for connection in connections))
    assert sorted(len(applied) for applied in done)[:2] == [0, 0]
    assert sum(len(applied) for applied in done) > 5
    assert await live_model(connections[0]) == "model_1"
    for connection in connections:
        await connection.close()


async def test_a_dry_run_lists_and_changes_nothing(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    wanted = await migrate(connection, dry_run=True)
    assert [str(migration) for migration in wanted[:2]] == ["database/0001_models", "model_1/0001_projection_position"]
    assert await connection.fetchval("select count(*) from pg_namespace where nspname in ('tailrace', 'model_1')") == 0
    assert await migrate(connection) == wanted
    assert await migrate(connection, dry_run=True) == []
    await connection.close()


async def test_the_views_show_the_seeds_columns(connection: asyncpg.Connection) -> None:
    columns = await connection.fetch(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = 'public' and table_name = 'analytics_events'"
    )
    assert {row["column_name"]: row["data_type"] for row in columns} == {
        "event_id": "uuid",
        "event_type": "text",
        "user_id": "bigint",
        "created_at": "timestamp with time zone",
        "event_data": "jsonb",
        "seq": "bigint",
    }


async def test_a_database_of_a_newer_version_is_refused(connection: asyncpg.Connection) -> None:
    await connection.execute("insert into tailrace.migrations values ('model_1', 999, '0999_from_the_future', 'x')")
    with pytest.raises(SchemaError, match=r"newer Tailrace.*0999_from_the_future"):
        await live_model(connection)
    with pytest.raises(SchemaError, match="newer Tailrace"):
        await migrate(connection)


async def test_a_migration_that_was_changed_afterwards_is_refused(connection: asyncpg.Connection) -> None:
    await connection.execute("update tailrace.migrations set checksum = 'other' where number = 2")
    with pytest.raises(SchemaError, match="0002_event_ids was changed"):
        await migrate(connection)


async def test_a_database_that_is_behind_is_refused_with_what_to_do(connection: asyncpg.Connection) -> None:
    await connection.execute("delete from tailrace.migrations where scope = 'model_1' and number = 6")
    with pytest.raises(SchemaError, match="run `tailrace migrate`"):
        await live_model(connection)


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await connection.execute("create schema model_1; create table model_1.users (something_else int)")
    with pytest.raises(asyncpg.PostgresError):
        await migrate(connection)
    assert await connection.fetchval("select to_regclass('tailrace.migrations')") is None
    assert await connection.fetchval("select to_regclass('model_1.event_ids')") is None
    await connection.close()
