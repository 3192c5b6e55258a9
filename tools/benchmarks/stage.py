"""What a benchmark runs on: servers of its own in a temporary folder, on free ports, with a filled log.

Nothing of it is left at the end, and nothing else is touched. On a server that somebody else runs (``--database``)
databases with names of their own are made and dropped.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import nats

from migrations.bootstrap import ensure_database
from migrations.streams import ensure_streams
from runtime.log.client import LogClient, close_connection
from runtime.log.connect import connect_log
from runtime.postgres import connect
from runtime.settings import Settings, load_settings
from tailrace.embedded.ports import Ports, free_port
from tailrace.up.system import System
from tools.benchmarks.machine import Servers, read_servers
from tools.benchmarks.plan import Plan
from tools.benchmarks.programs import TAILRACE, Program
from tools.benchmarks.progress import Progress
from tools.benchmarks.traffic import Traffic, appending, fill

PUBLISH_TIMEOUT = 30.0


@dataclass
class Stage:
    """A filled log, and a place for databases; ``settings`` are those of the server's own database."""

    plan: Plan
    settings: Settings
    log: LogClient
    servers: Servers
    folder: Path
    progress: Progress
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _seeds: "count[int]" = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Settings]:
        """Settings for a fresh, migrated database and free ports for services; dropped at the end."""
        name = f"tailrace_bench_{uuid4().hex[:12]}"
        database = urlsplit(self.settings.dsn)._replace(path=f"/{name}").geturl()
        ports = {"command_port": free_port(), "query_port": free_port()}
        settings = self.settings.model_copy(update={"database": database, **ports})
        try:
            await ensure_database(settings)
            yield settings
        finally:
            connection = await connect(self.settings.dsn, name="bench")
            try:
                await connection.execute(f"drop database if exists {name} with (force)")
            finally:
                await connection.close()

    @asynccontextmanager
    async def running(
        self, settings: Settings, *arguments: str, program: tuple[str, ...] = TAILRACE, name: str = ""
    ) -> AsyncIterator[Program]:
        """Runs ``tailrace <arguments>`` (or another ``program``); ends it if it has not ended by itself.

        ``name`` is what it is called when something is wrong; by itself its arguments.
        """
        environment = os.environ | {
            "TAILRACE_NATS_URL": settings.nats_url,
            "TAILRACE_DATABASE": settings.dsn,
            "TAILRACE_HOST": "127.0.0.1",
            "TAILRACE_COMMAND_PORT": str(settings.command_port),
            "TAILRACE_QUERY_PORT": str(settings.query_port),
            "TAILRACE_PROJECTION_PORT": "0",
            "TAILRACE_LIVE_RING": str(settings.live_ring),
            "PYTHONUNBUFFERED": "1",
        }
        files = self.folder / "logs" / f"child-{next(self._numbers)}"
        child = Program([*program, *arguments], environment, files, name)
        await child.start()
        try:
            yield child
        finally:
            await child.stop()

    async def append(self, entries: int) -> None:
        """Appends mock events to the log: the same to every stage, others each time.

        Raises:
            LogUnavailableError: the log refused or did not acknowledge one.
        """
        self.progress.say(f"filling the log with {entries:,} entries")
        async with appending(self.settings) as appender:
            # each time other events: the log itself refuses an id that it has just seen
            traffic = Traffic(users=self.plan.users, days=self.plan.days, seed=next(self._seeds), entries=entries)
            await fill(appender, traffic, entries, self.progress)

    @property
    def entries(self) -> int:
        """How many entries the log was filled with."""
        return self.plan.entries

    @property
    def patience(self) -> float:
        """Seconds after which work on the log counts as stuck."""
        return 60 + self.entries / 200


@asynccontextmanager
async def open_stage(plan: Plan, progress: Progress) -> AsyncIterator[Stage]:
    """Starts the servers and fills the log; ends the servers and removes the folder.

    Raises:
        TailraceError: a server can't be started or used; says why.
    """
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        ports = Ports().choose()
        system = System(folder, ports, settings.model_copy(update={"flavour": "auto"}), rate=None)
        progress.say("starting the servers")
        try:
            await _to_its_end(system.start_servers())
            system.children["postgres"].stop_signal = signal.SIGQUIT  # nothing of it has to be kept
            own = {"nats_url": system.nats.url, "database": plan.database or system.postgres.dsn("postgres")}
            settings = settings.model_copy(update={**own, "publish_timeout": PUBLISH_TIMEOUT})
            log = await connect_log(settings, "bench")
            try:
                yield await _filled(plan, settings, log, folder, progress)
            finally:
                await log.close()
        finally:
            await system.stop()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Lets nothing be half made: what is cancelled meanwhile is so afterwards."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


async def _filled(plan: Plan, settings: Settings, log: LogClient, folder: Path, progress: Progress) -> Stage:
    connection = await nats.connect(settings.nats_url)
    try:
        version = connection.connected_server_version
        servers = await read_servers(settings, f"{version.major}.{version.minor}.{version.patch}", folder)
    finally:
        await close_connection(connection)
    await ensure_streams(log, settings)
    stage = Stage(plan, settings, log, servers, folder, progress)
    await stage.append(plan.entries)
    return stage
