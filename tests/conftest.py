"""Fixtures: one real server of each kind per run, fresh streams and a fresh database per test."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from migrations.runner import migrate
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.support.previous_version import PreviousVersion, extract
from tests.support.servers import (
    NatsServer,
    PostgresServer,
    database_from,
    remove_streams,
    running_nats,
    running_postgres,
)
from tests.support.timescale import fresh_database, make_template, migrated_database, timescale_servers
from tests.support.tmpfs import make_tmpfs_folder, use_as_tmpdir

# a busy machine must not fail a test
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")
# several projection services run at the same time
os.environ.setdefault("TAILRACE_PROJECTION_PORT", "0")


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The run's NATS server. Tests that kill a server use ``own_nats_server``."""
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server for one test, which may kill and restart it."""
    with running_nats(tmp_path / "nats") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The run's Postgres server. Tests that kill a server use ``own_postgres_server``."""
    with running_postgres() as server:
        yield server.embedded


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A Postgres server for one test, which may kill and restart it; with fsync, unlike in other tests."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: EmbeddedPostgres) -> str:
    """A migrated, empty database, the template of others."""
    asyncio.run(_make_template(postgres_server))
    return "template_tailrace"


async def _make_template(server: EmbeddedPostgres) -> None:
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute("create database template_tailrace")
    await admin.close()
    connection = await asyncpg.connect(server.dsn("template_tailrace"))
    await migrate(connection, Settings(flavour="postgres"))
    await connection.close()


@pytest.fixture(scope="session")
def unwritten_database(postgres_server: EmbeddedPostgres, template_database: str) -> str:
    """The address of a migrated, empty database, shared by all tests that do not write to it."""
    return asyncio.run(_copy_once(postgres_server, template_database))


async def _copy_once(server: EmbeddedPostgres, template: str) -> str:
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute(f"create database unwritten template {template}")
    await admin.close()
    return server.dsn("unwritten")


@pytest.fixture
async def database(
    request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template_database: str, unwritten_database: str
) -> AsyncIterator[str]:
    """The address of a fresh, migrated database; of the shared one for tests marked ``writes_no_table``."""
    if request.node.get_closest_marker("writes_no_table"):
        yield unwritten_database
        return
    async with database_from(postgres_server, template_database) as dsn:
        yield dsn


@pytest.fixture
def settings(nats_server: NatsServer, database: str) -> Settings:
    """Settings for the run's NATS server, a new database, and free HTTP ports."""
    return Settings(
        nats_url=nats_server.url, database=database, command_port=free_port(), query_port=free_port(), log_level="debug"
    )


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[LogClient]:
    """A client of the run's NATS server with new, empty streams."""
    client = await connect_log(settings, "test")
    await remove_streams(client)
    await ensure_streams(client, settings)
    yield client
    await remove_streams(client)
    await client.close()


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection"]:
    """A connection to the fresh database, like that of a psql user."""
    connection = await asyncpg.connect(database, server_settings={"timezone": "UTC"})
    yield connection
    await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    """Puts the run's files into memory if there is space; ``TMPDIR`` names another place."""
    if "TMPDIR" not in os.environ and (folder := make_tmpfs_folder()) is not None:
        use_as_tmpdir(folder)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs TimescaleDB tests on each server; those marked ``native_timescale`` only on the native one."""
    for fixture in {"timescale_database", "migrated_timescale"} & set(metafunc.fixturenames):
        native_only = metafunc.definition.get_closest_marker("native_timescale") is not None
        metafunc.parametrize(fixture, timescale_servers(native_only=native_only), indirect=True)


@pytest.fixture
async def timescale_database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of a new, unmigrated database with TimescaleDB."""
    async with fresh_database(request.param) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def timescale_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a migrated, empty database of the timescale flavour."""
    return make_template(tmp_path_factory.mktemp("timescale"))


@pytest.fixture
async def migrated_timescale(request: pytest.FixtureRequest, timescale_template: Path) -> AsyncIterator[str]:
    """The address of a fresh, migrated database of the timescale flavour."""
    async with migrated_database(request.param, timescale_template) as dsn:
        yield dsn


@pytest.fixture(params=["postgres", *timescale_servers(native_only=False)])
async def of_each_flavour(
    request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template_database: str, timescale_template: Path
) -> AsyncIterator[str]:
    """The address of a fresh, migrated database of either flavour."""
    if request.param == "postgres":
        async with database_from(postgres_server, template_database) as dsn:
            yield dsn
    else:
        async with migrated_database(request.param, timescale_template) as dsn:
            yield dsn


@pytest.fixture(scope="session")
def previous_version(tmp_path_factory: pytest.TempPathFactory) -> PreviousVersion:
    """The last version of the previous generation."""
    return PreviousVersion(extract(tmp_path_factory.mktemp("previous_version")))
