"""The readiness of the projection service through outages."""

import asyncio

import asyncpg
import httpx
import pytest

from projection.service import serve
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.events import log_events, some_events
from tests.support.projector import running_projector, until_projected
from tests.support.servers import NatsServer
from tests.support.waiting import until

NO_ROOM = """
create function no_room() returns trigger language plpgsql as
    $$ begin raise exception using message = 'no room', errcode = 'disk_full'; end $$;
create trigger no_room before update on model_1.projection_position execute function no_room();
create trigger no_room before insert or update on tailrace.projector_errors execute function no_room();
"""
ROOM = "drop trigger no_room on model_1.projection_position; drop trigger no_room on tailrace.projector_errors"


async def test_the_projection_service_is_ready_again_when_the_log_returns(
    own_nats_server: NatsServer, database: str
) -> None:
    settings = Settings(nats_url=own_nats_server.url, database=database, projection_port=free_port())
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    url = f"http://127.0.0.1:{settings.projection_port}"
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as http:

        async def answers(code: int) -> bool:
            try:
                return (await http.get("/health/ready")).status_code == code
            except httpx.TransportError:
                return False

        await until(lambda: answers(200))
        await asyncio.to_thread(own_nats_server.kill)
        await until(lambda: answers(503))
        detail = (await http.get("/health/ready")).json()
        assert detail["models"] == "ok"
        assert "log" in detail["detail"]
        assert (await http.get("/health/live")).status_code == 200
        await asyncio.to_thread(own_nats_server.start)
        await until(lambda: answers(200))
    stop.set()
    async with asyncio.timeout(10):
        await task


async def test_the_projection_service_is_not_ready_while_the_database_is_full_and_cannot_record_it(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    own = settings.model_copy(update={"projection_port": free_port()})
    url = f"http://127.0.0.1:{own.projection_port}"
    async with (
        running_projector(own) as task,
        httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as http,
    ):

        async def said(words: str, times: int) -> bool:
            return caplog.text.count(words) >= times

        async def ready() -> bool:
            return (await http.get("/health/ready")).status_code == 200

        await until(lambda: said("projecting from", 1))
        await until(ready)
        await connection.execute(NO_ROOM)
        await log_events(log, some_events(5))
        await until(lambda: said("projecting from", 4))
        answer = await http.get("/health/ready")
        assert (answer.status_code, answer.json()["models"]) == (
            503,
            "model_1 waits: the database refuses: no room; see its own log for more",
        )
        assert "model_1 is projected again" not in caplog.text
        await connection.execute(ROOM)
        await until_projected(connection, log, task)
        await until(ready)
        assert "model_1 is projected again" in caplog.text
