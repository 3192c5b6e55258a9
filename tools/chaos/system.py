"""The system under test: what ``tailrace up`` runs, with a proxy between the services and each server."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil

from runtime.settings import Settings
from tailrace.embedded.ports import Ports
from tailrace.endpoints import Endpoints
from tailrace.up.system import System
from tools.chaos.proxy import Proxy

SERVERS = ("nats", "postgres")
SERVICES = ("command", "projection", "query")


class ChaosSystem(System):
    """Servers and services whose connections pass through ``proxies``, by the server's name."""

    def __init__(self, data_dir: Path) -> None:
        ports = Ports().choose()
        super().__init__(data_dir, ports, Settings(), rate=None)
        self._server_ports = {"nats": ports.nats, "postgres": ports.postgres}
        self.proxies = {name: Proxy(port) for name, port in self._server_ports.items()}
        self.said: list[str] = []
        """What the supervision says of exits and restarts."""

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a process and, unless it is killed, to the processes that it has started."""
        pid = self.children[name].pid
        if pid is None:
            return
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            family = [] if number is signal.SIGKILL else process.children(recursive=True)
            for one in (process, *family):
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def _service_environment(self, name: str, endpoints: Endpoints) -> dict[str, str]:
        environment = super()._service_environment(name, endpoints)
        for variable, server in (("TAILRACE_NATS_URL", "nats"), ("TAILRACE_DATABASE", "postgres")):
            direct, through = self._server_ports[server], self.proxies[server].port
            environment[variable] = environment[variable].replace(f":{direct}", f":{through}")
        return environment


@asynccontextmanager
async def running_system(folder: Path) -> AsyncIterator[ChaosSystem]:
    """Starts everything in a folder, restarts what exits, and stops everything at the end."""
    system, stop = ChaosSystem(folder), asyncio.Event()
    (folder / "logs").mkdir(parents=True)
    async with AsyncExitStack() as ending:
        for proxy in system.proxies.values():
            await ending.enter_async_context(proxy)
        ending.push_async_callback(system.stop)
        await system.start_servers()
        await system.start_services()
        watchers = [asyncio.create_task(child.watch(stop, system.said.append)) for child in system.children.values()]
        try:
            system.endpoints.write(folder)
            yield system
        finally:
            stop.set()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
