"""The read models that ``just bench growth`` asks are what the projector makes of the same events."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from command.appender import BATCH, Message
from contracts.events import Event, encode_event
from contracts.subjects import subject_of
from migrations.runner import migrate
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.projector import running_projector
from tests.support.servers import database_from
from tests.support.waiting import until
from tools.benchmarks.filling import Contents, fill_model, say_projected
from tools.benchmarks.progress import Progress
from tools.benchmarks.traffic import REPEAT_EVERY, append, appending

ENTRIES = 10_000
VIEWS = (
    "analytics_events",
    "event_ids",
    "events_by_minute",
    "events_by_hour",
    "events_by_day",
    "users_by_hour",
    "users_by_day",
    "users",
    "all_time",
    "late_ranges",
    "parked_events",
    "log_gaps",
    "projection_position",
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def merge_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projection.user_sets.MERGE_INTERVAL", 0.0)


@pytest.fixture
async def other_database(postgres_server: EmbeddedPostgres, template_database: str) -> AsyncIterator[str]:
    """The address of a second fresh database."""
    async with database_from(postgres_server, template_database) as dsn:
        yield dsn


async def test_a_filled_model_is_what_the_projector_makes_of_its_events(
    settings: Settings, log: LogClient, other_database: str
) -> None:
    await check_filling(settings, log, settings.model_copy(update={"database": other_database}))


async def test_a_filled_model_of_the_other_flavour_is_the_same(
    settings: Settings, log: LogClient, timescale_database: str
) -> None:
    filled = settings.model_copy(update={"database": timescale_database, "flavour": "timescale"})
    connection = await connect(timescale_database)
    await migrate(connection, filled)
    await connection.close()
    await check_filling(settings, log, filled)


async def check_filling(settings: Settings, log: LogClient, filled: Settings) -> None:
    """Waits until the projector has merged the users of every batch too."""
    await fill_model(filled, Contents(ENTRIES, 500, 3, datetime.now(UTC)), Progress())
    filled_views = await connect(filled.dsn)
    rows = await filled_views.fetch("select * from public.analytics_events order by seq")
    assert len(rows) == ENTRIES - ENTRIES // REPEAT_EVERY
    await append_all(settings, entries_of(rows))
    projected_views = await connect(settings.dsn)
    async with running_projector(settings):
        await until(lambda: is_at(projected_views, ENTRIES), timeout=200)
    last = await log.get(ENTRIES)
    assert last is not None
    await say_projected(filled, last, (await log.state()).epoch)
    columns = {
        "users": "user_id",
        "users_by_hour": "bucket, event_type, users",
        "users_by_day": "bucket, event_type, users",
    }
    for view in VIEWS:
        # compared one by one, and not as lists: what differs is seen at once
        ours, theirs = [
            {tuple(row) for row in await views.fetch(f"select {columns.get(view, '*')} from public.{view}")}
            for views in (filled_views, projected_views)
        ]
        assert (view, ours - theirs, theirs - ours) == (view, set(), set())
    await filled_views.close()
    await projected_views.close()


async def connect(dsn: str) -> "asyncpg.Connection":
    return await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})


async def is_at(views: "asyncpg.Connection", seq: int) -> bool:
    return bool(await views.fetchval("select seq = $1 and sets_seq = seq from public.projection_position", seq))


def entries_of(rows: list[Any]) -> list[Message]:
    """A log whose events become these rows: each at its sequence, and a repetition where there is none."""
    messages: list[Message] = []
    for row in rows:
        event = Event(
            row["event_id"],
            row["event_type"],
            row["user_id"],
            row["created_at"],
            msgspec.Raw(row["event_data"].encode()),
        )
        message = Message(subject_of(event.event_type), encode_event(event), str(event.event_id))
        messages.append(message)
        if len(messages) == row["seq"] and (row["seq"] + 1) % REPEAT_EVERY == 0:
            messages.append(message._replace(message_id=f"again-{message.message_id}"))
    return messages


async def append_all(settings: Settings, messages: list[Message]) -> None:
    async with appending(settings) as appender:
        for first in range(0, len(messages), BATCH):
            await append(appender, messages[first : first + BATCH])
