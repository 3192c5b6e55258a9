"""A model of the timescale flavour, and old events."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from contracts.events import Event
from migrations.catalogue import Model
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.events import event
from tests.support.projector import running_projector, until_projected
from tests.support.servers import NatsServer
from tests.support.waiting import until


@pytest.fixture
def database(migrated_timescale: str) -> str:
    """A migrated database of the timescale flavour."""
    return migrated_timescale


@pytest.fixture
def settings(nats_server: NatsServer, database: str) -> Settings:
    """Settings for it."""
    return Settings(nats_url=nats_server.url, database=database, query_port=free_port(), log_level="debug")


def ago(**age: float) -> datetime:
    return datetime.now(UTC) - timedelta(**age)


def days_of_events(days: int, per_day: int = 6) -> list[Event]:
    """Returns this many events on each of the last ``days`` days (UTC), oldest first."""
    today = ago().replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        event("click", user, today - timedelta(days=day) + timedelta(hours=6 + number))
        for user, (day, number) in enumerate((day, number) for day in range(days, 0, -1) for number in range(per_day))
    ]


async def pending(connection: "asyncpg.Connection") -> int:
    """Returns the number of pending late events."""
    return int(await connection.fetchval("select coalesce(sum(events), 0)::bigint from public.late_ranges"))


async def is_settled(connection: "asyncpg.Connection") -> bool:
    return bool(await connection.fetchval("select not exists (select from public.late_ranges)"))


async def project_all(settings: Settings, log: LogClient, connection: "asyncpg.Connection") -> None:
    """Projects the whole log, and waits until every count includes it."""
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        await until(lambda: is_settled(connection))


def stop_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops maintenance, so that only the test refreshes."""

    async def keep_up(settings: Settings, model: Model) -> None:
        del settings, model

    monkeypatch.setattr("projection.worker.maintain", keep_up)
