"""The readiness of the projection service through outages."""

import asyncio

import httpx

from projection.service import serve
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tests.support.servers import NatsServer
from tests.support.waiting import until


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
