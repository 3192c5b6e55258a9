"""A database that hangs, and questions that take long."""

import asyncio

import asyncpg
import pytest

from migrations.bootstrap import ensure_database
from query import service
from query.stats import top
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.servers import PostgresServer


async def test_a_database_that_hangs_is_answered_within_the_timeout_and_recovers(
    settings: Settings, log: LogClient, own_postgres_server: PostgresServer
) -> None:
    own = settings.model_copy(update={"database": own_postgres_server.embedded.dsn("hangs"), "stats_timeout": 1.0})
    await ensure_database(own)
    async with running_query(own) as query:
        assert (await query.http.get("/stats")).status_code == 200
        with own_postgres_server.frozen():
            answers = await asyncio.gather(*(query.http.get("/stats", timeout=20) for _ in range(16)))
            assert {answer.status_code for answer in answers} <= {503, 504}
            assert (await query.http.get("/health/ready")).status_code == 503
        await query.until_answers("/stats")
        await query.until_answers("/health/ready")


async def test_slow_questions_hold_up_neither_health_nor_other_questions(
    query: QueryService, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "TOP_TIMEOUT", 30.0)
    await connection.execute("begin; lock table public.analytics_events in access exclusive mode")
    slow = [
        asyncio.create_task(query.http.get("/stats", params={"top": "event_data.path"}))
        for _ in range(2 * service.CONNECTIONS)
    ]
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while await connection.fetchval(waiting) < service.TOP_CONNECTIONS:
        await connection.execute("select pg_stat_clear_snapshot()")
        await asyncio.sleep(0.01)
    for path in ("/health/ready", "/projections", "/status"):
        assert (await query.http.get(path)).status_code == 200, path
    await connection.execute("rollback")
    assert {answer.status_code for answer in await asyncio.gather(*slow)} <= {200, 503}
