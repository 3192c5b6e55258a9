"""Restored logs and databases: the same history continues, another one is never counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import ForeignHistoryError
from migrations.stream_metadata import new_epoch
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tests.projection.conftest import CopyDatabase, connected
from tests.query.conftest import running_query, seqs_of
from tests.support.events import log_events, some_events
from tests.support.log_damage import copy_files, restore_files
from tests.support.processes import run_tailrace
from tests.support.projector import project, running_projector, until_projected
from tests.support.recount import Recount, read_model, recount_log
from tests.support.servers import NatsServer, running_nats
from tests.support.waiting import until
from verification.run import verify


@pytest.fixture
def own(settings: Settings, own_nats_server: NatsServer) -> Settings:
    """Settings for the test's own NATS server."""
    return settings.model_copy(update={"nats_url": own_nats_server.url})


@asynccontextmanager
async def log_of(settings: Settings) -> AsyncIterator[LogClient]:
    client = await connect_log(settings, "test")
    try:
        await ensure_streams(client, settings)
        yield client
    finally:
        await client.close()


async def grow(settings: Settings, count: int, seed: int) -> None:
    async with log_of(settings) as log:
        await log_events(log, some_events(count, seed))


async def project_all(settings: Settings) -> Recount:
    """Projects the log; returns the contents of the model."""
    async with log_of(settings) as log, connected(settings.dsn) as connection:
        await project(settings, log, connection)
        return await read_model(connection)


async def model_of(settings: Settings) -> Recount:
    async with connected(settings.dsn) as connection:
        return await read_model(connection)


async def refusal(settings: Settings) -> str:
    """Returns the message with which a projector ends now."""
    async with running_projector(settings) as task:
        with pytest.raises(ForeignHistoryError) as caught:
            await asyncio.wait_for(task, 20)
    return str(caught.value)


async def older_copy(server: NatsServer, settings: Settings, folder: Path) -> Path:
    """Copies a log of 100 entries, which then gets 50 more."""
    await grow(settings, 100, seed=1)
    await asyncio.to_thread(server.stop)
    copy_files(server, folder)
    await asyncio.to_thread(server.start)
    await grow(settings, 50, seed=2)
    return folder


async def grow_elsewhere(server: NatsServer, settings: Settings, count: int) -> None:
    """Grows the files of a stopped server, to which no waiting client is connected."""

    def serve_and_grow() -> None:
        with running_nats(server.embedded.data_dir) as elsewhere:
            asyncio.run(grow(settings.model_copy(update={"nats_url": elsewhere.url}), count, seed=3))

    await asyncio.to_thread(serve_and_grow)


@pytest.mark.parametrize("older", [True, False], ids=["an older copy", "an empty database"])
async def test_a_database_that_is_older_than_the_log_catches_up(
    log: LogClient, settings: Settings, template_database: str, copy_database: CopyDatabase, older: bool
) -> None:
    await grow(settings, 100, seed=1)
    await project_all(settings)
    restored = await copy_database(settings.dsn if older else template_database)
    await grow(settings, 100, seed=2)
    live = await project_all(settings)
    assert await project_all(settings.model_copy(update={"database": restored})) == live == await recount_log(log)


async def test_a_projector_continues_and_cursors_stay_valid_after_a_current_backup_was_restored(
    own_nats_server: NatsServer, own: Settings, tmp_path: Path
) -> None:
    await grow(own, 100, seed=1)
    async with running_projector(own) as task, running_query(own) as query, connected(own.dsn) as connection:
        async with query.socket("earliest") as socket, log_of(own) as log:
            await socket.until("caught_up")
            await until_projected(connection, log, task)
        await asyncio.to_thread(own_nats_server.stop)
        copy_files(own_nats_server, tmp_path / "copy")
        restore_files(own_nats_server, tmp_path / "copy")
        await asyncio.to_thread(own_nats_server.start)
        await grow(own, 50, seed=2)
        async with log_of(own) as log, query.socket(socket.cursor) as again:
            assert seqs_of(await again.events(50)) == list(range(101, 151))
            assert {frame["kind"] for frame in again.frames} <= {"hello", "events", "caught_up"}
            await until_projected(connection, log, task)
            assert await read_model(connection) == await recount_log(log)


async def test_a_current_backup_works_on_another_server_too(
    own_nats_server: NatsServer, own: Settings, tmp_path: Path
) -> None:
    await grow(own, 100, seed=1)
    await project_all(own)
    await asyncio.to_thread(own_nats_server.stop)
    copy_files(own_nats_server, tmp_path / "copy")

    def project_elsewhere() -> tuple[Recount, Recount]:
        with running_nats(tmp_path / "copy") as elsewhere:
            there = own.model_copy(update={"nats_url": elsewhere.url})
            return asyncio.run(_grown_and_projected(there))

    model, wanted = await asyncio.to_thread(project_elsewhere)
    assert model == wanted
    assert len(model.rows) == 150


async def _grown_and_projected(settings: Settings) -> tuple[Recount, Recount]:
    await grow(settings, 50, seed=2)
    model = await project_all(settings)
    async with log_of(settings) as log:
        return model, await recount_log(log)


async def test_an_older_log_that_has_grown_is_refused_and_a_new_epoch_gets_its_own_model(
    own_nats_server: NatsServer,
    own: Settings,
    tmp_path: Path,
    template_database: str,
    copy_database: CopyDatabase,
) -> None:
    copy = await older_copy(own_nats_server, own, tmp_path / "copy")
    before = await project_all(own)
    await asyncio.to_thread(own_nats_server.stop)
    restore_files(own_nats_server, copy)
    await grow_elsewhere(own_nats_server, own, 100)
    await asyncio.to_thread(own_nats_server.start)
    sentence = await refusal(own)
    assert "another message at sequence 150" in sentence
    assert "`tailrace log new-epoch`" in sentence
    assert "`tailrace replay`" in sentence
    declared = run_tailrace(own, "log", "new-epoch", "--yes")
    assert declared.returncode == 0, declared.stderr
    assert "of another log" in await refusal(own)
    assert await model_of(own) == before

    fresh = own.model_copy(update={"database": await copy_database(template_database)})
    model = await project_all(fresh)
    async with log_of(fresh) as log, connected(fresh.dsn) as connection:
        assert model == await recount_log(log)
        assert (await verify(log, connection)).differences == []
    replayed = run_tailrace(own, "replay")
    assert replayed.returncode == 0, replayed.stderr
    refused = run_tailrace(own, "cutover")
    assert "lacks 50 events" in refused.stderr
    swapped = run_tailrace(own, "cutover", "--lose", "50")
    assert swapped.returncode == 0, swapped.stderr
    assert await model_of(own) == model


@pytest.mark.parametrize("grown", [100, 0], ids=["grown on", "not grown"])
async def test_a_running_projector_stops_without_projecting_a_restored_older_log(
    own_nats_server: NatsServer, own: Settings, tmp_path: Path, grown: int
) -> None:
    copy = await older_copy(own_nats_server, own, tmp_path / "copy")
    async with running_projector(own) as task:
        async with log_of(own) as log, connected(own.dsn) as connection:
            await until_projected(connection, log, task)
            before = await read_model(connection)
        await asyncio.to_thread(own_nats_server.kill)
        restore_files(own_nats_server, copy)
        if grown:
            await grow_elsewhere(own_nats_server, own, grown)
        await asyncio.to_thread(own_nats_server.start)
        with pytest.raises(ForeignHistoryError, match="another message at sequence 150" if grown else "ends at.* 100"):
            await asyncio.wait_for(task, 30)
    assert await model_of(own) == before


async def test_a_database_that_is_ahead_of_an_older_log_is_refused(
    own_nats_server: NatsServer, own: Settings, tmp_path: Path
) -> None:
    copy = await older_copy(own_nats_server, own, tmp_path / "copy")
    before = await project_all(own)
    await asyncio.to_thread(own_nats_server.stop)
    restore_files(own_nats_server, copy)
    await asyncio.to_thread(own_nats_server.start)
    sentence = await refusal(own)
    assert "the log ends at sequence 100, before the position" in sentence
    assert "restore the right files of the log" in sentence
    assert await model_of(own) == before


async def test_a_running_projector_stops_when_a_new_epoch_is_declared(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.SILENCE", 0.1)
    await log_events(log, some_events(20))
    async with running_projector(settings) as task:
        await until_projected(connection, log, task)
        before, after = await new_epoch(log)
        with pytest.raises(ForeignHistoryError, match=f"epoch is {after}, but the position {before}:20:"):
            await asyncio.wait_for(task, 20)
    assert "of another log" in await refusal(settings)


@asynccontextmanager
async def steady_traffic(log: LogClient) -> AsyncIterator[None]:
    """Appends events while the block runs, one after the other."""

    async def send() -> None:
        while True:
            await log_events(log, some_events(10))

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_new_epoch_is_noticed_while_events_arrive(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.COMPARE", 0.1)
    await log_events(log, some_events(20))
    async with running_projector(settings) as task, steady_traffic(log):
        await until_seen(connection, 20)
        before, after = await new_epoch(log)
        with pytest.raises(ForeignHistoryError, match=f"epoch is {after}, but the position {before}:"):
            await asyncio.wait_for(task, 20)


async def until_seen(connection: "asyncpg.Connection", seq: int) -> None:
    """Waits until the model contains the log's entry ``seq``."""

    async def seen() -> bool:
        return bool(await connection.fetchval("select seq >= $1 from projection_position", seq))

    await until(seen)


async def test_a_live_client_receives_a_new_epoch_while_events_arrive(
    log: LogClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.log.reader.COMPARE", 0.1)
    await log_events(log, some_events(5))
    async with running_query(settings) as query, query.socket() as socket, steady_traffic(log):
        await socket.events(5)
        before, after = await new_epoch(log)
        gap = await socket.until("gap")
        assert gap["reason"] == f"the log's epoch is {after}, but the position {gap['asked']} is of another log"
        assert (gap["asked"].split(":")[0], gap["resumed_at"]) == (before, f"{after}:0:")
        assert seqs_of(await socket.events(5))[:5] == [1, 2, 3, 4, 5]
