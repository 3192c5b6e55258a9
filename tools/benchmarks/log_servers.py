"""Log servers of a benchmark's own: one, or three that are a cluster, as ``docker-compose.cluster.yml`` has them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from contracts.errors import LogUnavailableError, TailraceError
from contracts.subjects import LOG_STREAM
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tools.benchmarks.programs import Program

READY_TIMEOUT = 60.0
"""Seconds until servers have found each other and chosen a leader, or a copy is complete again."""
_LOOK = 0.1


class LogServers:
    """Servers by their names, and a connection to them; ``settings`` say where they are."""

    def __init__(self, settings: Settings, folder: Path, size: int) -> None:
        self._ports = {f"nats-{number}": free_port() for number in range(1, size + 1)}
        self._routes = {name: free_port() for name in self._ports}
        self._folder = folder
        folder.mkdir()
        self._runs = count(1)
        self._programs: dict[str, Program] = {}
        addresses = ",".join(f"nats://127.0.0.1:{port}" for port in self._ports.values())
        self.settings = settings.model_copy(update={"nats_url": addresses})
        self.log: LogClient

    @property
    def names(self) -> list[str]:
        """Of all of them."""
        return list(self._ports)

    async def start(self, name: str) -> None:
        """Starts one, for the first time or again."""
        where = ["--addr", "127.0.0.1", "--port", str(self._ports[name]), "--name", name]
        command = [nats_binary(), *where, "--jetstream", "--store_dir", str(self._folder / name)]
        if len(self._ports) > 1:
            routes = ",".join(f"nats://127.0.0.1:{port}" for port in self._routes.values())
            here = f"nats://127.0.0.1:{self._routes[name]}"
            command += ["--cluster_name", "bench", "--cluster", here, "--routes", routes]
        files = self._folder / f"{name}-{next(self._runs)}"
        self._programs[name] = Program(command, dict(os.environ), files, name)
        await self._programs[name].start()

    async def kill(self, name: str) -> None:
        """Ends one as kill -9 does."""
        await self._programs[name].kill()

    async def leader(self) -> str:
        """Which one leads the log's stream.

        Raises:
            LogUnavailableError: none does.
        """
        found: str = (await self.log.stream_info(LOG_STREAM))["cluster"]["leader"]
        return found

    async def until_complete(self) -> None:
        """Waits until every copy of the log's stream has all there is."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not await self._complete():
            self._check(deadline, "a copy of the log is not complete")
            await asyncio.sleep(_LOOK)

    async def until_ready(self) -> None:
        """Connects, once they answer, and makes the streams, once they have a leader."""
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            try:
                self.log = await connect_log(self.settings, "bench")
                break
            except LogUnavailableError as error:
                self._check(deadline, str(error))
        while True:
            try:
                await ensure_streams(self.log, self.settings)
                return
            except LogUnavailableError as error:
                self._check(deadline, str(error))
                await asyncio.sleep(_LOOK)

    async def stop(self) -> None:
        """Ends all."""
        if hasattr(self, "log"):
            await self.log.close()
        for program in self._programs.values():
            await program.stop()

    async def _complete(self) -> bool:
        try:
            replicas = (await self.log.stream_info(LOG_STREAM)).get("cluster", {}).get("replicas", [])
        except LogUnavailableError:
            return False
        return all(one["current"] and not one.get("lag") for one in replicas)

    def _check(self, deadline: float, reason: str) -> None:
        for program in self._programs.values():
            program.check()
        if time.monotonic() > deadline:
            raise TailraceError(f"the log's servers are not ready after {READY_TIMEOUT:.0f} s: {reason}")


@asynccontextmanager
async def running_log_servers(settings: Settings, folder: Path, *, size: int, copies: int) -> AsyncIterator[LogServers]:
    """Runs ``size`` servers with fresh streams of so many copies, on free ports of loopback.

    Raises:
        TailraceError: they don't become ready.
    """
    servers = LogServers(settings.model_copy(update={"replicas": copies}), folder, size)
    try:
        for name in servers.names:
            await servers.start(name)
        await servers.until_ready()
        yield servers
    finally:
        await servers.stop()
