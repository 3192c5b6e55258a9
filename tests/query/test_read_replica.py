"""A query service reads from a streaming replica of Postgres, as docs/scaling.md describes."""

import os
import subprocess
import tempfile
from collections.abc import Iterator

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres, postgres_bin
from tests.query.conftest import running_query
from tests.support.events import log_events, some_events
from tests.support.projector import running_projector
from tests.support.servers import PostgresServer
from tests.support.stats_endpoint import get_stats
from tests.support.waiting import until


@pytest.fixture
def replica(own_postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A streaming replica, made by pg_basebackup."""
    primary = own_postgres_server.embedded
    replica = EmbeddedPostgres(primary.data_dir.with_name("replica"), primary.secret_file, free_port())
    copy = [str(postgres_bin() / "pg_basebackup"), "--write-recovery-conf", f"--pgdata={replica.data_dir.resolve()}"]
    where = ["--host=127.0.0.1", f"--port={primary.port}", "--username=tailrace", "--checkpoint=fast"]
    password = os.environ | {"PGPASSWORD": primary.secret_file.read_text().strip()}
    subprocess.run(replica.as_server_user(copy + where), env=password, cwd="/", check=True, capture_output=True)
    with tempfile.TemporaryFile() as output:
        server = PostgresServer(replica, output)
        try:
            server.start()
            yield server
        finally:
            server.stop()


async def test_a_query_service_on_a_replica_names_its_position_and_waits_for_a_later_one(
    log: LogClient, settings: Settings, own_postgres_server: PostgresServer, replica: PostgresServer
) -> None:
    settings = settings.model_copy(update={"database": own_postgres_server.embedded.dsn("analytics")})
    await ensure_database(settings)
    copied = settings.model_copy(update={"database": replica.embedded.dsn("analytics"), "query_port": free_port()})
    await until(lambda: is_there(copied))
    async with running_query(copied) as there, running_query(settings) as here, running_projector(settings):
        for turn in range(1, 4):
            sent = await log_events(log, some_events(100, seed=turn))
            state = await log.state()
            last = await log.get(state.last_seq)
            assert last is not None
            cursor = str(last.cursor(state.epoch))
            answer = await get_stats(there, min_cursor=cursor)
            assert answer["as_of"]["cursor"] == cursor
            assert answer["totals"]["events"] == 100 * turn
            assert answer == await get_stats(here, min_cursor=cursor)
            found = await there.http.get(f"/events/{sent[-1].event_id}")
            assert found.status_code == 200, found.text


async def is_there(settings: Settings) -> bool:
    """Returns whether the replica is ready and in recovery."""
    try:
        connection = await asyncpg.connect(settings.dsn)
    except asyncpg.InvalidCatalogNameError:
        return False
    try:
        assert await connection.fetchval("select pg_is_in_recovery()")
        return await connection.fetchval("select to_regclass('public.all_time')") is not None
    finally:
        await connection.close()
