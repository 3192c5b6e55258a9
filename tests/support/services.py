"""The three services in processes of their own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from runtime.settings import Settings
from tests.support.processes import TailraceProcess, service_environment
from tests.support.waiting import until


@asynccontextmanager
async def running_services(settings: Settings, **variables: str) -> AsyncIterator[Mapping[str, str]]:
    """Starts the services and waits until they are ready; yields their addresses by name."""
    ports = {"command": settings.command_port, "query": settings.query_port, "projection": settings.projection_port}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    environment = service_environment(settings) | variables
    running = [TailraceProcess(("serve", name), environment) for name in addresses]
    try:
        async with httpx.AsyncClient(trust_env=False) as http:

            async def ready() -> bool:
                assert [process.returncode for process in running] == [None] * len(running)
                try:
                    answers = [await http.get(f"{address}/health/ready") for address in addresses.values()]
                except httpx.HTTPError:
                    return False
                return all(answer.status_code == 200 for answer in answers)

            await until(ready)
        yield addresses
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
