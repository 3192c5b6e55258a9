"""What someone changed in the database: triggers, schemas and settings of the user stop nothing; damage is named."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from migrations.catalogue import list_models
from migrations.runner import migrate
from projection.cutover import cut_over, drop_old
from projection.replay import replay
from runtime.log.client import LogClient
from runtime.postgres import connect
from runtime.settings import Settings
from tests.query.conftest import running_query
from tests.support.events import event, log_event, log_events, some_events
from tests.support.processes import run_tailrace, running_service
from tests.support.projector import project, running_projector, until_projected
from tests.support.servers import PostgresServer
from tests.support.waiting import until


@pytest.mark.parametrize("table", ["analytics_events", "events_by_minute"])
async def test_events_that_a_trigger_refuses_are_parked(
    of_each_flavour: str, settings: Settings, log: LogClient, table: str
) -> None:
    own = settings.model_copy(update={"database": of_each_flavour})
    connection = await asyncpg.connect(of_each_flavour)
    flavour = await connection.fetchval("select flavour from tailrace.models")
    if table != "analytics_events" and flavour == "timescale":
        pytest.skip("a continuous aggregate takes no trigger")
    condition = "new.user_id = 13" if table == "analytics_events" else "new.event_type = 'unwanted'"
    await connection.execute(
        f"""
        create function refuse() returns trigger language plpgsql as
        $$ begin if {condition} then raise 'not this one'; end if; return new; end $$;
        create trigger refuse before insert on model_1.{table} for each row execute function refuse();
        """
    )
    await log_events(log, [event(user_id=number) for number in range(1, 10)])
    await log_event(log, event(user_id=13, event_type="unwanted"))
    await log_events(log, [event(user_id=number) for number in range(20, 30)])
    await project(own, log, connection)
    assert await connection.fetchval("select count(*) from analytics_events") == 19
    assert [tuple(row) for row in await connection.fetch("select seq, code, reason from model_1.parked_events")] == [
        (10, "database_refused", "the database refuses it: not this one")
    ]
    await connection.close()


async def test_schemas_that_someone_made_are_skipped_and_stay(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    await connection.execute("create schema model_2; create table model_2.analytics_events as select 42 as mine")
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await replay(log, settings, asyncio.Event(), candidate=True)
        assert [model.name for model in await list_models(connection)] == ["model_1", "model_3"]
        comment = await connection.fetchval("select obj_description(to_regnamespace('model_3'), 'pg_namespace')")
        assert "Tailrace" in comment
        await cut_over(log, connection)
        await drop_old(connection)
    assert await connection.fetchval("select mine from model_2.analytics_events") == 42
    assert await connection.fetchval("select to_regnamespace('model_1') is null")


async def test_a_first_model_takes_no_schema_of_someone_else(
    settings: Settings, connection: asyncpg.Connection
) -> None:
    name = urlsplit(settings.dsn).path[1:] + "_new"
    await connection.execute(f"create database {name}")
    own = await connect(settings.dsn, name="test", database=name)
    try:
        await own.execute("create schema model_1; create schema ledger_1")
        await migrate(own, settings)
        [model] = await list_models(own)
        assert (model.name, model.ledger) == ("model_2", "ledger_2")
        assert await own.fetchval("select count(*) from analytics_events") == 0
    finally:
        await own.close()
        await connection.execute(f"drop database {name} with (force)")


async def test_settings_of_the_database_user_change_nothing(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(20))
    user, name = await connection.fetchrow("select current_user, current_database()")
    for setting in ("search_path = pg_temp", "role = pg_monitor"):
        await connection.execute(f'alter role "{user}" in database "{name}" set {setting}')
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        assert (await replay(log, settings, asyncio.Event(), candidate=True)).finished
        async with running_query(settings) as query:
            assert (await query.http.get("/stats")).json()["totals"]["events"] == 20
        for command in ("status", "verify", "migrate", "cutover"):
            result = await asyncio.to_thread(run_tailrace, settings, command)
            assert result.returncode == 0, result.stdout + result.stderr


async def test_a_damaged_table_is_named_with_the_way_out(
    log: LogClient, settings: Settings, own_postgres_server: PostgresServer
) -> None:
    own = settings.model_copy(update={"database": own_postgres_server.embedded.dsn("postgres")})
    assert run_tailrace(own, "migrate").returncode == 0
    await log_events(log, some_events(20))
    connection = await asyncpg.connect(own.dsn)
    await project(own, log, connection)
    await connection.execute("checkpoint")
    file = own_postgres_server.embedded.data_dir / await connection.fetchval(
        "select pg_relation_filepath('model_1.all_time')"
    )
    await connection.close()
    own_postgres_server.stop()
    damage(own_postgres_server.embedded.data_dir / file)
    await asyncio.to_thread(own_postgres_server.start)
    named = "the database's files are damaged: invalid page"
    async with running_query(own) as query:
        answer = await query.http.get("/stats")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert named in answer.json()["detail"]
    assert "`tailrace replay`" in answer.json()["detail"]
    await log_event(log, event())
    with running_service(own, "serve", "projection"):

        async def recorded() -> bool:
            connection = await asyncpg.connect(own.dsn)
            message = await connection.fetchval("select message from tailrace.projector_errors")
            await connection.close()
            return named in (message or "")

        await until(recorded, timeout=30)
        status = await asyncio.to_thread(run_tailrace, own, "status")
        assert status.returncode == 1
        assert named in status.stdout.replace("\n", " ")


def damage(file: Path) -> None:
    """Overwrites the middle of a table's first page."""
    with file.open("r+b") as opened:
        opened.seek(8_192 // 2)
        opened.write(b"\xa5" * 4_000)
