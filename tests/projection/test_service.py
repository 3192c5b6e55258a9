"""The projection service ends with an error that needs an operator, and retries a temporary one."""

import asyncio

import asyncpg
import pytest

from contracts.errors import SchemaError
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import event, log_event
from tests.support.projector import project, running_projector, until_projected
from tests.support.recount import read_model, recount_log


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("insert into tailrace.migrations values ('model_1', 999, '0999_from_the_future', 'x')", "newer Tailrace"),
        ("delete from tailrace.migrations where scope = 'model_1' and number = 6", "run `tailrace migrate`"),
    ],
    ids=["newer", "older"],
)
@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "before it starts"])
async def test_a_schema_of_another_version_ends_the_service_with_the_remedy(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, change: str, sentence: str, running: bool
) -> None:
    await log_event(log, event())
    if not running:
        await connection.execute(change)
    async with running_projector(settings) as task:
        if running:
            await until_projected(connection, log, task)
            await connection.execute(change)
        with pytest.raises(SchemaError, match=sentence):
            await asyncio.wait_for(task, 10)
    await log_event(log, event())
    assert await connection.fetchval("select seq from projection_position") == (1 if running else 0)


async def test_an_unexpected_error_of_maintenance_ends_the_service(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        await until_projected(connection, log)
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr("projection.worker.maintain", die)
    await log_event(log, event())
    async with running_projector(settings) as task:
        with pytest.raises(ZeroDivisionError, match="unforeseen"):
            await asyncio.wait_for(task, 10)


async def test_after_a_temporary_error_maintenance_restarts_with_its_projector(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0

    async def break_off_once(*_: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise asyncpg.PostgresError("passing")

    monkeypatch.setattr("projection.worker.maintain", break_off_once)
    await log_event(log, event())
    await project(settings, log, connection)
    assert begun == 2
    assert await read_model(connection) == await recount_log(log)
