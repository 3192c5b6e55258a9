"""The system under test: what ``tailrace up`` runs, with a proxy between the services and each server."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil

from contracts.errors import ConfigurationError
from runtime.settings import Settings
from tailrace.embedded.ports import Ports
from tailrace.endpoints import Endpoints
from tailrace.up.full_disk import FullDisk
from tailrace.up.system import System
from tools.chaos.disks import Disk, mounted
from tools.chaos.proxy import Proxy

SERVERS = ("nats", "postgres")
SERVICES = ("command", "projection", "query")
STOP_TIMEOUT = 10.0
POLL_INTERVAL = 0.02
REFRESH = 0.5


class ChaosSystem(System):
    """Servers and services whose connections pass through ``proxies``, by the server's name."""

    def __init__(self, data_dir: Path) -> None:
        ports = Ports().choose()
        super().__init__(data_dir, ports, Settings(), rate=None)
        self._server_ports = {"nats": ports.nats, "postgres": ports.postgres}
        self.proxies = {name: Proxy(port) for name, port in self._server_ports.items()}
        self.disks: dict[str, Disk] = {}
        """The file systems of both servers, if they have some of their own."""
        self.said: list[str] = []
        """What the supervision says of exits and restarts."""
        self._no_stop = asyncio.Event()
        self._watchers: dict[str, asyncio.Task[None]] = {}

    def watch(self, *names: str) -> None:
        """Restarts these processes whenever they exit."""
        for name in names:
            work = self.children[name].watch(self._no_stop, self.said.append)
            self._watchers[name] = asyncio.create_task(work)

    async def heal(self) -> None:
        """Restarts a log server that stores nothing once its disk has room, as ``up`` does, until cancelled."""
        full_disk = FullDisk(self.children["nats"], self.nats.data_dir, self.endpoints.command)
        while True:
            if sentence := await full_disk.check():
                self.said.append(sentence)
            await asyncio.sleep(REFRESH)

    async def end_watching(self, *names: str) -> None:
        """Restarts these processes no more."""
        watchers = [self._watchers.pop(name) for name in names]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    async def hold(self, name: str) -> None:
        """Stops a process until ``release``."""
        await self.end_watching(name)
        await self.children[name].stop(STOP_TIMEOUT)

    async def release(self, name: str) -> None:
        """Starts a process that is held."""
        await self.children[name].start()
        self.watch(name)

    async def until_servers_accept(self) -> None:
        """Waits until both servers accept connections and answer."""
        while not (await self._nats_answers() and await self._postgres_answers()):  # noqa: ASYNC110 (of the servers)
            await asyncio.sleep(POLL_INTERVAL)

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
async def running_system(folder: Path, *, own_disks: bool = False) -> AsyncIterator[ChaosSystem]:
    """Starts everything in a folder, restarts what exits, and stops everything at the end.

    With ``own_disks``, if this user may mount some, each server has a file system of its own.
    """
    async with AsyncExitStack() as ending:
        disks: dict[str, Disk] = {}
        with suppress(ConfigurationError):
            if own_disks:
                # the database's folder is renamed when it is made, so its file system is the folder above
                disks["postgres"] = ending.enter_context(mounted(folder))
                disks["nats"] = ending.enter_context(mounted(folder / "nats"))
        (folder / "logs").mkdir(parents=True)
        system = ChaosSystem(folder)
        system.disks = disks
        for proxy in system.proxies.values():
            await ending.enter_async_context(proxy)
        ending.push_async_callback(system.stop)
        await system.start_servers()
        await system.start_services()
        system.watch(*system.children)
        healing = asyncio.create_task(system.heal())
        try:
            system.endpoints.write(folder)
            yield system
        finally:
            healing.cancel()
            await system.end_watching(*SERVERS, *SERVICES)
