"""The migration runner, on the real database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from contracts.errors import ConfigurationError, ConflictError, SchemaError
from migrations import runner
from migrations.catalogue import Model, get_live_model
from migrations.files import GENERATION, Migration, database_migrations, model_migrations, read_migrations
from migrations.runner import migrate, require_current_schema
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres

SETTINGS = Settings(flavour="postgres")


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
    done = await asyncio.gather(*(migrate(connection, SETTINGS) for connection in connections))
    assert sorted(len(applied) for applied in done)[:2] == [0, 0]
    assert sum(len(applied) for applied in done) > 5
    assert await get_live_model(connections[0]) == Model(
        "model_1", "postgres", live=True, state="ready", ledger="ledger_1"
    )
    for connection in connections:
        await connection.close()


async def test_a_dry_run_lists_and_changes_nothing(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    wanted = await migrate(connection, SETTINGS, dry_run=True)
    assert wanted[:2] == ["database/0001_models", "database/0002_models_beside"]
    assert "model_1/0001_projection_position" in wanted
    assert await connection.fetchval("select count(*) from pg_namespace where nspname in ('tailrace', 'model_1')") == 0
    assert await migrate(connection, SETTINGS) == wanted
    assert await migrate(connection, SETTINGS, dry_run=True) == []
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
        await require_current_schema(connection)
    with pytest.raises(SchemaError, match="newer Tailrace"):
        await migrate(connection, SETTINGS)


async def test_a_migration_that_was_changed_afterwards_is_refused(connection: asyncpg.Connection) -> None:
    await connection.execute("update tailrace.migrations set checksum = 'other' where name = '0001_ledger'")
    with pytest.raises(SchemaError, match="0001_ledger was changed"):
        await migrate(connection, SETTINGS)


async def test_a_database_that_is_behind_is_refused_with_what_to_do(connection: asyncpg.Connection) -> None:
    await connection.execute("delete from tailrace.migrations where scope = 'model_1' and number = 6")
    with pytest.raises(SchemaError, match="run `tailrace migrate`"):
        await require_current_schema(connection)


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await connection.execute(
        """
        create function refuse() returns event_trigger language plpgsql as $$ begin
            if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'model_1.user_sets') then
                raise 'not this table';
            end if;
        end $$;
        create event trigger refuse on ddl_command_end execute function refuse()
        """
    )
    with pytest.raises(ConflictError, match=r"refuses a migration.*not this table"):
        await migrate(connection, SETTINGS)
    assert await connection.fetchval("select to_regclass('model_1.all_time')") is None
    assert await connection.fetchval("select to_regclass('model_1.parked_events')") is None
    await connection.execute("drop event trigger refuse")
    assert (await migrate(connection, SETTINGS))[0] == "model_1/0004_users"
    assert (await get_live_model(connection)).name == "model_1"
    await connection.close()


async def test_a_model_that_the_version_before_has_not_finished_is_refused_and_not_changed(
    empty_database: str,
) -> None:
    connection = await asyncpg.connect(empty_database, server_settings={"timezone": "UTC"})
    await connection.execute(
        "create schema tailrace; create schema model_1;"
        "create table tailrace.migrations (scope text, number integer, name text not null, checksum text not null,"
        " applied_at timestamptz not null default now(), primary key (scope, number))"
    )
    [first, *_] = database_migrations()
    await connection.execute(first.sql)
    await connection.execute(
        "insert into tailrace.migrations (scope, number, name, checksum) values ($1, $2, $3, $4)",
        *(first.scope, first.number, first.name, first.checksum),
    )
    await connection.execute("insert into tailrace.models (name, flavour, live) values ('model_1', 'postgres', true)")
    for refused in (migrate(connection, SETTINGS), require_current_schema(connection)):
        with pytest.raises(SchemaError, match=r"model_1 .*is not up to date: start the version before"):
            await refused
    assert await connection.fetchval("select count(*) from tailrace.migrations") == 1
    assert (await get_live_model(connection)).generation == 1
    await connection.close()


@pytest.mark.parametrize(
    ("generation", "sentence"),
    [
        (GENERATION - 2, r"model_1 has the tables of an earlier version .*`tailrace replay --into`"),
        (GENERATION + 1, r"model_1 was made by a newer Tailrace .*: use the newer version"),
    ],
)
async def test_models_of_other_generations_than_this_and_the_one_before_are_refused(
    connection: asyncpg.Connection, generation: int, sentence: str
) -> None:
    await connection.execute("update tailrace.models set generation = $1", generation)
    with pytest.raises(SchemaError, match=sentence):
        await migrate(connection, SETTINGS)
    with pytest.raises(SchemaError, match=sentence):
        await require_current_schema(connection)


async def test_migrations_that_a_generation_adds_are_recorded_apart_from_those_of_the_one_before(
    connection: asyncpg.Connection,
) -> None:
    recorded = await connection.fetch("select scope, number from tailrace.migrations where scope like 'database%'")
    assert {tuple(row) for row in recorded} >= {("database", 3), ("database_2", 4)}
    # as the first versions of this generation recorded them
    await connection.execute("update tailrace.migrations set scope = 'database' where scope = 'database_2'")
    await require_current_schema(connection)
    assert await migrate(connection, SETTINGS) == []


async def test_a_statement_that_needs_no_transaction_gets_none_and_is_done_once(
    connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "0999_events_by_user.sql"
    (tmp_path / name).write_text(
        "-- transaction: none\ncreate index concurrently if not exists by_user on analytics_events (user_id)"
    )
    more = read_migrations(tmp_path, "model_1")
    assert [migration.in_transaction for migration in more] == [False]

    def with_more(name: str, flavour: str) -> list[Migration]:
        return [*model_migrations(name, flavour), *more]

    monkeypatch.setattr(runner, "model_migrations", with_more)
    assert await migrate(connection, SETTINGS) == ["model_1/0999_events_by_user"]
    assert await connection.fetchval("select indisvalid from pg_index where indexrelid = 'model_1.by_user'::regclass")
    assert await connection.fetchval("show search_path") == '"$user", public'
    assert await migrate(connection, SETTINGS) == []


async def test_the_timescale_flavour_is_refused_where_the_server_has_none(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    with pytest.raises(ConfigurationError, match="TimescaleDB is not installed on the server"):
        await migrate(connection, Settings(flavour="timescale"))
    await migrate(connection, Settings(flavour="auto"))
    assert (await get_live_model(connection)).flavour == "postgres"
    await connection.close()


async def test_where_the_server_has_timescaledb_it_is_taken_and_its_policies_follow_the_settings(
    timescale_database: str,
) -> None:
    connection = await asyncpg.connect(timescale_database)
    applied = await migrate(connection, Settings())
    assert applied[-2:] == [
        "model_1: new chunks span 1 day",
        "model_1: chunks are compressed at an age of 7 days",
    ]
    assert (await get_live_model(connection)).flavour == "timescale"
    assert await migrate(connection, Settings()) == []
    changed = Settings(chunk_days=0.5, compress_after_days=30)
    assert await migrate(connection, changed) == [
        "model_1: new chunks span 0.5 days",
        "model_1: chunks are compressed at an age of 30 days",
    ]
    off = Settings(chunk_days=0.5, compress_after_days=0)
    assert await migrate(connection, off) == ["model_1: chunks are no longer compressed"]
    policies = await connection.fetch(
        "select proc_name from timescaledb_information.jobs where hypertable_schema = 'model_1'"
    )
    assert policies == []
    await connection.close()


@pytest.mark.native_timescale
async def test_where_the_server_has_timescaledb_a_database_without_it_gets_it(timescale_database: str) -> None:
    connection = await asyncpg.connect(timescale_database)
    await connection.execute("drop extension timescaledb")
    await connection.close()
    connection = await asyncpg.connect(timescale_database)
    await migrate(connection, Settings())
    assert (await get_live_model(connection)).flavour == "timescale"
    await connection.close()


async def test_a_server_that_has_timescaledb_can_be_made_to_do_without(timescale_database: str) -> None:
    connection = await asyncpg.connect(timescale_database)
    await migrate(connection, Settings(flavour="postgres"))
    assert (await get_live_model(connection)).flavour == "postgres"
    await connection.close()


async def test_both_flavours_show_readers_the_same_names_and_columns(
    connection: asyncpg.Connection, timescale_database: str
) -> None:
    columns = (
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
        " and table_name in (select table_name from information_schema.views where table_schema = 'public')"
        " order by table_name, ordinal_position"
    )
    other = await asyncpg.connect(timescale_database)
    await migrate(other, Settings())
    shown = await connection.fetch(columns)
    assert len(shown) > 30
    assert await other.fetch(columns) == shown
    await other.close()
