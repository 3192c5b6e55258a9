"""A declared projection that has stopped degrades the services; nothing else about them changes."""

import asyncio
from functools import partial
from pathlib import Path

import asyncpg
import httpx

from projection.service import serve
from runtime.access.keys import KeyStore
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.query.conftest import running_query
from tests.support.events import event, log_event
from tests.support.projections import declare, running_projections, until_failed, until_shown
from tests.support.waiting import until

STOPS = """
from tailrace import Sql

class Stops(Sql):
    version = 3
    events = ["*"]
    tables = "create table stops (user_id bigint primary key)"
    apply = "insert into stops select user_id from batch on conflict (user_id) do update set user_id = excluded.user_id"
"""


async def test_a_stopped_projection_degrades_the_services_and_is_named_to_those_with_a_key(
    log: LogClient, settings: Settings, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    own = settings.model_copy(
        update={
            "projections": str(declare(declare(tmp_path / "projections"), STOPS, "stops")),
            "projection_port": free_port(),
            "require_keys": True,
        }
    )
    key = (await KeyStore(log).create("read")).text
    addresses = [f"http://127.0.0.1:{port}" for port in (own.query_port, own.projection_port)]
    stop = asyncio.Event()
    with_key = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False)
    async with running_query(own), with_key as http, httpx.AsyncClient(timeout=20, trust_env=False) as anonymous:
        serving = asyncio.create_task(serve(own, stop))

        async def ready(address: str, state: str) -> bool:
            try:
                answer = await http.get(f"{address}/health/ready")
            except httpx.TransportError:
                return False
            return answer.status_code == 200 and answer.json()["status"] == state

        for address in addresses:
            await until(partial(ready, address, "ok"))
        for _ in range(2):
            await log_event(log, event(user_id=7))
        async with running_projections(own) as task:
            reason = await until_failed(connection, "stops")
            sentence = f"the projection stops version 3 has stopped: {reason}"
            for address in addresses:
                await until(partial(ready, address, "degraded"))
                assert (await http.get(f"{address}/health/ready")).json()["detail"] == sentence
                shown = await anonymous.get(f"{address}/health/ready")
                assert (shown.status_code, shown.json()) == (200, {"status": "degraded"})
            await until_shown(connection, ["revenue", "cart", "last_seen"], 2, task)
            status = (await http.get(f"{addresses[0]}/status")).json()
        assert status["failed_projections"] == [{"name": "stops", "version": 3, "error": reason}]
        assert (status["problem"], status["projected_seq"]) == (None, 2)
        stop.set()
        async with asyncio.timeout(20):
            await serving
