"""Errors of the database while a command works with it: one sentence that says what to do."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator

import asyncpg
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.database_roles import Role, temporary_role
from tests.support.events import log_events, some_events
from tests.support.processes import run_tailrace, start_service
from tests.support.projector import project
from tests.support.waiting import until


@pytest.fixture
async def role(postgres_server: EmbeddedPostgres) -> AsyncIterator[Role]:
    """A role that may only connect."""
    async with temporary_role(postgres_server) as role:
        yield role


@pytest.mark.parametrize(
    "command",
    ["verify", "parked list", "parked retry", "cutover", "drop-old", "replay"],
)
async def test_a_missing_right_is_one_sentence(log: LogClient, settings: Settings, role: Role, command: str) -> None:
    theirs = settings.model_copy(update={"database": role.dsn(settings.dsn)})
    refused = run_tailrace(theirs, *command.split())
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("tailrace: ")
    assert "permission denied for schema tailrace" in refused.stderr
    assert refused.stderr.count("\n") == 1


async def test_a_missing_right_changes_nothing_and_is_named(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, role: Role
) -> None:
    await role.admin.execute(f"grant pg_read_all_data to {role.name}")
    await role.admin.execute(f"alter role {role.name} set default_transaction_read_only = on")
    theirs = settings.model_copy(update={"database": role.dsn(settings.dsn)})
    begun = "insert into tailrace.models values ('model_2', 'postgres', false, now(), 'building', 'ledger_1', 2)"
    await connection.execute(begun)
    refused = run_tailrace(theirs, "drop-old")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "in a read-only transaction; grant it the right, or use the tables' owner" in refused.stderr
    assert refused.stderr.count("\n") == 1


async def test_status_counts_a_missing_right_as_a_problem(log: LogClient, settings: Settings, role: Role) -> None:
    theirs = settings.model_copy(update={"database": role.dsn(settings.dsn)})
    found = run_tailrace(theirs, "status", "--json")
    assert (found.returncode, found.stderr) == (1, "")
    assert json.loads(found.stdout)["problems"] == [
        "the database's user may not do that: permission denied for schema tailrace; "
        "grant it the right, or use the tables' owner"
    ]


@pytest.mark.parametrize("command", ["verify", "parked list"])
async def test_a_connection_that_the_database_closes_is_a_sentence(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, command: str
) -> None:
    await log_events(log, some_events(10))
    await project(settings, log, connection)
    waiting = "select pid from pg_locks where not granted and relation::regclass::text like 'model_1.%'"

    async def waits() -> bool:
        return await connection.fetchval(waiting) is not None

    async with connection.transaction():
        await connection.execute("lock table model_1.analytics_events, model_1.parked_events")
        process = start_service(settings, *command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        await until(waits)
        await connection.execute(f"select pg_terminate_backend(({waiting}))")
        output, errors = await asyncio.to_thread(process.communicate)
    assert (process.returncode, output) == (1, b"")
    assert errors.startswith(b"tailrace: the database closed the connection: ")
    assert errors.endswith(b"; run the same command again once it answers\n")
    assert errors.count(b"\n") == 1
