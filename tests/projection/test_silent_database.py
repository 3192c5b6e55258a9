"""A database that hangs, and connections that are only half open: the projector recovers by itself, and logs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from projection import worker
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.events import log_events, some_events
from tests.support.projector import running_projector, until_projected
from tests.support.servers import PostgresServer
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(worker, "STATEMENT_TIMEOUT", 1.0)
    monkeypatch.setattr(worker, "IDLE_TIMEOUT", 3.0)
    caplog.set_level("INFO")


@pytest.fixture
async def own(settings: Settings, own_postgres_server: PostgresServer) -> Settings:
    own = settings.model_copy(update={"database": own_postgres_server.embedded.dsn("own")})
    await ensure_database(own)
    return own


async def test_the_projector_recovers_from_a_database_that_hangs(
    own: Settings, log: LogClient, own_postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await asyncpg.connect(own.dsn)
    async with running_projector(own) as task:
        await log_events(log, some_events(5))
        await until_projected(connection, log, task)
        with own_postgres_server.frozen():
            await log_events(log, some_events(5, seed=2))
            await until(lambda: _said(caplog, "model_1 waits: the database did not answer within 1 s"))
        await until_projected(connection, log, task)
        await until(lambda: _said(caplog, "model_1 is projected again"))
    await connection.close()


async def test_the_projector_recovers_from_half_open_connections(
    own: Settings, log: LogClient, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await asyncpg.connect(own.dsn)
    async with Proxy.running(own.dsn) as proxy:
        through = own.model_copy(update={"database": proxy.dsn})
        async with running_projector(through) as task:
            await log_events(log, some_events(5))
            await until_projected(connection, log, task)
            proxy.freeze()
            await log_events(log, some_events(5, seed=2))
            await until_projected(connection, log, task)
            await until(lambda: _said(caplog, "model_1 is projected again"))
    await connection.close()


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


class Proxy:
    """Forwards connections to Postgres; frozen ones stay open, and nothing passes any more."""

    dsn: str
    _target: str

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._forwarding: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @asynccontextmanager
    async def running(cls, dsn: str) -> "AsyncIterator[Proxy]":
        proxy = cls(dsn)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        host = dsn.rpartition("@")[2].partition("/")[0]
        proxy.dsn = dsn.replace(host, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        proxy._target = host
        yield proxy
        server.close()
        proxy.freeze()
        for writer in proxy._writers:
            writer.close()

    def freeze(self) -> None:
        for task in self._forwarding:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        self._writers += [writer, there_writer]
        for source, target in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(_forward(source, target))
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)


async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await source.read(65536):
            target.write(part)
            await target.drain()
        target.close()
