"""The real servers, one of each for the run; fresh streams and a fresh database for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.servers import NatsServer, remove_streams, running_nats, running_postgres

from tailrace.ops.embedded.postgres import EmbeddedPostgres
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.log.topology import ensure_streams
from tailrace.runtime.settings import Settings


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The run's NATS server. Tests that kill a server use ``own_nats_server``."""
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of the test's own, to be killed and started again."""
    with running_nats(tmp_path / "nats") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The run's Postgres server."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def settings(nats_server: NatsServer) -> Settings:
    """Settings for the run's NATS server; ports are free ones."""
    return Settings(nats_url=nats_server.url, command_port=0, query_port=0, dedupe_window=120)


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[LogClient]:
    """A client of the run's NATS server with fresh, empty streams."""
    client = await connect_log(settings, "test")
    await remove_streams(client)
    await ensure_streams(client, settings)
    yield client
    await remove_streams(client)
    await client.close()
