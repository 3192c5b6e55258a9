"""Three versions of one event type are one clean model, live and replayed; unreadable events are parked."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from dirty_equals import IsPartialDict
from msgspec.structs import replace

from contracts.errors import ConfigurationError
from contracts.events import Event
from migrations.upcasters import load_upcasters
from projection.parked import ParkedEvents
from projection.replay import replay
from projection.service import serve
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.events import event, log_event, log_events, some_events
from tests.support.processes import run_tailrace
from tests.support.projector import project
from tests.support.recount import read_model
from verification.receipt import Receipt
from verification.run import verify

EXAMPLE = Path(__file__).parents[2] / "examples" / "upcasters.py"
BROKEN = 'UPCASTERS = {("order_completed", 1): lambda data: {"total_cents": data["sum"]}, ("order_completed", 2): dict}'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"upcasters": str(EXAMPLE)})


@pytest.fixture
async def target(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database that does not exist yet."""
    name = f"replay_{uuid4().hex}"
    yield postgres_server.dsn(name)
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await admin.execute(f"drop database if exists {name} with (force)")
    await admin.close()


def order(data: str, version: int) -> Event:
    return replace(event("order_completed", user_id=7, data=data), event_version=version)


def generations(count: int) -> Iterator[Event]:
    """The same orders in three versions, one after the other."""
    for number in range(count):
        cents = 1_999 + number
        yield order(f'{{"total":{cents // 100}.{cents % 100:02},"note":"n{number}"}}', 1)
        yield order(f'{{"total_cents":{cents},"note":"n{number}"}}', 2)
        yield order(f'{{"note":"n{number}","amount":{{"currency":"EUR","cents":{cents}}}}}', 3)


async def verified(log: LogClient, connection: asyncpg.Connection, settings: Settings) -> Receipt:
    return await verify(log, connection, upcasters=load_upcasters(settings))


async def test_three_versions_are_one_clean_model_and_a_replay_builds_it_again(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, target: str
) -> None:
    await log_events(log, generations(40))
    await log_events(log, some_events(30))
    await project(settings, log, connection)
    rows = await connection.fetch(
        "select event_data, count(*) as events from analytics_events where event_type = 'order_completed' group by 1"
    )
    found = sorted((json.loads(row["event_data"])["amount"]["cents"], row["events"]) for row in rows)
    assert found == [(cents, 3) for cents in range(1_999, 2_039)]
    live = await verified(log, connection, settings)
    assert (live.differences, live.events, live.parked) == ([], 150, 0)

    done = await replay(log, settings.model_copy(update={"database": target}), asyncio.Event())
    assert done.finished
    replayed = await asyncpg.connect(target, server_settings={"timezone": "UTC"})
    again = await verified(log, replayed, settings)
    assert (again.differences, again.table_digest) == ([], live.table_digest)
    assert await read_model(replayed) == await read_model(connection)
    await replayed.close()


async def test_an_event_that_its_upcaster_cannot_read_is_parked_and_counts_after_the_fix(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN)
    await log_events(log, generations(2))
    await log_events(log, some_events(5))
    await project(settings.model_copy(update={"upcasters": str(broken)}), log, connection)
    parked = await (await ParkedEvents.of(connection)).list()
    assert [(one.seq, one.code) for one in parked] == [(1, "upcast_failed"), (4, "upcast_failed")]
    assert parked[0].reason.endswith("version 1 of order_completed can't be made version 2: KeyError: 'sum'")

    def run(*arguments: str, upcasters: Path = EXAMPLE) -> str:
        done = run_tailrace(settings, *arguments, TAILRACE_UPCASTERS=str(upcasters))
        return done.stdout + done.stderr

    assert "0 projected, 2 still parked" in run("parked", "retry", upcasters=broken)
    assert "2 projected, 0 still parked" in run("parked", "retry")
    # the wrong upcaster projected the two of version 2: only a replay corrects them
    receipt = json.loads(run("verify", "--json"))
    assert receipt == IsPartialDict(parked=0, events=11)
    assert len(receipt["differences"]) == 2
    assert all("the row is not what log entry" in sentence for sentence in receipt["differences"])


async def test_a_newer_version_is_parked_until_the_program_knows_it(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await log_event(log, order('{"amount":{"cents":1,"currency":"EUR"}}', 3))
    older = settings.model_copy(update={"upcasters": None})
    await project(older, log, connection)
    parked = await ParkedEvents.of(connection)
    [one] = await parked.list()
    assert (one.code, one.reason) == (
        "unknown_version",
        "event_version: 3 of order_completed is newer than 1, the newest known here",
    )
    assert (await verified(log, connection, older)).differences == []
    [retried] = [one async for one in parked.retry(load_upcasters(settings))]
    assert retried.reason is None
    assert (await verified(log, connection, settings)).differences == []


async def test_verify_names_rows_of_an_older_upcaster_and_a_replay_corrects_them(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, target: str
) -> None:
    await log_event(log, order('{"total":12.5}', 1))
    await project(settings.model_copy(update={"upcasters": None}), log, connection)
    [difference] = (await verified(log, connection, settings)).differences
    assert difference.endswith("the row is not what log entry 1 says")
    await replay(log, settings.model_copy(update={"database": target}), asyncio.Event())
    replayed = await asyncpg.connect(target)
    assert (await verified(log, replayed, settings)).differences == []
    [data] = await replayed.fetchrow("select event_data from analytics_events")
    assert json.loads(data) == {"amount": {"cents": 1250, "currency": "EUR"}}
    await replayed.close()


async def test_upcasters_with_a_missing_version_stop_every_reader_at_its_start(
    settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text('UPCASTERS = {("order_completed", 1): dict, ("order_completed", 3): dict}')
    holey = settings.model_copy(update={"upcasters": str(broken)})
    with pytest.raises(ConfigurationError, match="versions 1, 3: the one for version 2 is missing"):
        await serve(holey, asyncio.Event())
    for command in (["verify"], ["parked", "retry"], ["serve", "query"], ["replay", "--into", settings.dsn]):
        done = run_tailrace(settings, *command, TAILRACE_UPCASTERS=str(broken))
        assert (done.returncode, done.stderr) == (
            1,
            f"tailrace: TAILRACE_UPCASTERS: {broken}: the upcasters of order_completed are for versions 1, 3: the one "
            "for version 2 is missing, and the log may hold events of it\n",
        )
