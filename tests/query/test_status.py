"""/status names a problem if a value is not available."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from dirty_equals import IsPartialDict, IsStr

from contracts.entries import Gap
from contracts.subjects import LOG_STREAM
from migrations.stream_metadata import new_epoch
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.postgres import EmbeddedPostgres
from tests.query.conftest import QueryService, running_query
from tests.support.events import log_events, some_events
from tests.support.log_damage import allow_deletes, delete_entries
from tests.support.projector import project
from tests.support.servers import NatsServer


def problem(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": IsStr(regex=message)}


async def test_a_healthy_system_has_no_problem(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    assert await query.status() == IsPartialDict(projected_seq=0, lag_events=0, problem=None)
    await log_events(log, some_events(5))
    assert await query.status() == IsPartialDict(projected_seq=0, lag_events=5, problem=None)
    await project(settings, log, connection)
    assert await query.status() == IsPartialDict(projected_seq=5, lag_events=0, problem=None)


async def test_a_model_of_another_history_is_a_problem(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    await project(settings, log, connection)
    await new_epoch(log)
    assert await query.status() == IsPartialDict(
        last_seq=5,
        projected_seq=5,
        lag_events=None,
        lag_seconds=None,
        parked=0,
        problem=problem("another_history", "the read model belongs to another log: .*epoch.*`tailrace replay`.*"),
    )
    assert (await query.http.get("/health")).status_code == 200


async def test_a_restored_log_that_has_grown_again_is_another_history(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, some_events(5))
    await project(settings, log, connection)
    await log_events(log, some_events(3, seed=2))
    await connection.execute("update model_1.projection_position set fingerprint = repeat('f', 16)")
    assert await query.status() == IsPartialDict(
        last_seq=8, lag_events=None, lag_seconds=None, problem=problem("another_history", ".*another message.*")
    )


async def test_lost_entries_are_a_problem(query: QueryService, log: LogClient, connection: asyncpg.Connection) -> None:
    await allow_deletes(log)
    await log_events(log, some_events(5))
    entry = await log.get(5)
    assert entry is not None
    # as a projector would leave it; a running one would set up the stream again, which then forbids deletions
    await connection.execute(
        "update model_1.projection_position set (epoch, seq, fingerprint) = ($1, $2, $3)",
        *entry.cursor((await log.state()).epoch),
    )
    assert await query.status() == IsPartialDict(lag_events=0, problem=None)
    await delete_entries(log, Gap(5, 5))
    await log_events(log, some_events(3, seed=2))
    assert await query.status() == IsPartialDict(lag_events=None, problem=problem("entries_lost", ".*5.*gone.*"))


async def test_a_log_without_streams_is_unavailable(query: QueryService, log: LogClient) -> None:
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    assert await query.status() == IsPartialDict(
        last_seq=None, projected_seq=0, parked=0, problem=problem("log_unavailable", ".+")
    )


async def test_an_unavailable_part_is_named(
    own_nats_server: NatsServer, settings: Settings, postgres_server: EmbeddedPostgres, database: str
) -> None:
    own = settings.model_copy(update={"nats_url": own_nats_server.url})
    client = await connect_log(own, "test")
    await ensure_streams(client, own)
    await client.close()
    async with running_query(own) as query:
        assert (await query.status())["problem"] is None
        async with without_database(postgres_server, database):
            assert await query.status() == IsPartialDict(
                last_seq=0,
                projected_seq=None,
                lag_events=None,
                parked=None,
                problem=problem("database_unavailable", "the database .*"),
            )
            await asyncio.to_thread(own_nats_server.kill)
            assert await query.status() == IsPartialDict(
                last_seq=None, problem=problem("database_unavailable", "the database .*; .*log.*")
            )
        assert await query.status() == IsPartialDict(
            last_seq=None, projected_seq=0, parked=0, problem=problem("log_unavailable", ".*log.*")
        )


@asynccontextmanager
async def without_database(server: EmbeddedPostgres, address: str) -> AsyncIterator[None]:
    name = address.rsplit("/", 1)[1]
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    try:
        yield
    finally:
        await admin.execute(f"alter database {name} allow_connections true")
        await admin.close()


async def test_each_code_is_documented(query: QueryService) -> None:
    schemas = (await query.http.get("/openapi.json")).json()["components"]["schemas"]
    assert set(schemas["StatusProblem"]["properties"]["code"]["enum"]) == {
        "database_unavailable",
        "log_unavailable",
        "another_history",
        "entries_lost",
    }
    assert "problem" in schemas["Status"]["required"]
