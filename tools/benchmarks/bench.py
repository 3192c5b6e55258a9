"""What a benchmark runs on: servers of its own on free ports, in a temporary folder. Nothing is left at the end."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import nats
import psutil
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts.errors import TailraceError
from contracts.subjects import LOG_STREAM
from tailrace.embedded.nats import EmbeddedNats
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres
from tools.benchmarks.process import POLL, Meter, Process, Row
from tools.benchmarks.workload import Workload, publishing

ROOT = Path(__file__).parents[2]
TAILRACE = (sys.executable, "-m", "tailrace")
ANSWER_TIMEOUT = 60.0
DAYS = 30
REPORT = 15.0  # seconds between two reports of progress
STALLED = 60.0  # seconds without progress after which a program counts as stuck
SIZE = "select pg_database_size(current_database())"
POSITION = "select coalesce(max(seq), 0) from public.projection_position"


class Options(NamedTuple):
    """What the command line asks for."""

    quick: bool = False
    events: int | None = None
    users: int | None = None
    days: int | None = None
    database: str | None = None
    against: str | None = None


class Log(NamedTuple):
    """The addresses of a log's servers, and the process id of the first."""

    url: str
    pid: int


class Target(NamedTuple):
    """A log, a database, and the addresses of the services on them; ``postgres`` is the server's process id."""

    log: Log
    dsn: str
    postgres: int | None
    command: str
    query: str

    def environment(self) -> dict[str, str]:
        """The settings of every service."""
        return os.environ | {
            "TAILRACE_NATS_URL": self.log.url,
            "TAILRACE_DATABASE": self.dsn,
            "TAILRACE_HOST": "127.0.0.1",
            "TAILRACE_COMMAND_PORT": self.command.rpartition(":")[2],
            "TAILRACE_QUERY_PORT": self.query.rpartition(":")[2],
            "TAILRACE_PROJECTION_PORT": "0",
        }

    def socket(self, start: str, **filters: str) -> str:
        """The address of ``/ws`` from a place in the log."""
        return str(httpx.URL(f"{self.query.replace('http', 'ws', 1)}/ws", params={"from": start} | filters))


class Bench:
    """Starts servers and programs, which run until they are stopped or the benchmark ends, and measures them."""

    def __init__(self, options: Options, folder: Path, say: Callable[[str], object], stack: AsyncExitStack) -> None:
        self.options, self.folder, self.say, self._stack = options, folder, say, stack
        self._numbers = count(1)
        self.postgres: str
        self.postgres_pid: int | None = None  # unless the server runs on another machine

    def size(self, full: int, quick: int) -> int:
        """A number of events: what the command line asks for, or one of two defaults."""
        return self.options.events or (quick if self.options.quick else full)

    def workload(self, entries: int, **options: Any) -> Workload:
        """Mock events of the users and days that the command line asks for."""
        return Workload(entries, users=self.options.users or 50_000, days=self.options.days or DAYS, **options)

    def program(self, name: str, *command: str, env: dict[str, str] | None = None, end: Signals = SIGTERM) -> Process:
        """Start a program, which the signal ``end`` stops."""
        files = self.folder / f"program-{next(self._numbers)}"
        process = Process(name, command, env or dict(os.environ), files, end)
        self._stack.push_async_callback(process.stop)
        return process

    def module(self, name: str, *arguments: Any) -> Process:
        """Start a module of this package."""
        return self.program(name, sys.executable, "-m", f"tools.benchmarks.{name}", *map(str, arguments))

    async def tailrace(self, target: Target, *words: str, program: Sequence[str] = TAILRACE, **extra: str) -> Process:
        """Start ``tailrace WORDS`` on a target; wait until a service that answers HTTP requests is healthy."""
        name = " ".join(word for word in words if "://" not in word)
        process = self.program(name, *program, *words, env=target.environment() | extra)
        if words in (("serve", "command"), ("serve", "query")):
            await until(partial(healthy, getattr(target, words[1])), process)
        return process

    async def service(self, target: Target, peer: str, url: str = "", **variables: Any) -> Process:
        """Start Tailrace's query service, or a web service to compare with in its place or at ``url``."""
        if peer == "Tailrace":
            return await self.tailrace(target, "serve", "query", **variables)
        url = url or target.query
        process = self.module("peers.web", peer, url.rpartition(":")[2], target.log.url)
        await until(partial(healthy, url), process)
        return process

    async def log(self, servers: int = 1) -> Log:
        """Start an empty log: one server, or a cluster of so many."""
        folder, ports = self.folder / f"log-{next(self._numbers)}", [(free_port(), free_port()) for _ in range(servers)]
        routes, processes = [f"nats://127.0.0.1:{route}" for _, route in ports], []
        for number, (port, route) in enumerate(ports):
            server = EmbeddedNats(folder / str(number), port)
            server.prepare()
            if servers > 1:
                cluster = {"name": "bench", "listen": f"127.0.0.1:{route}", "routes": routes}
                config = json.loads(server.config_file.read_text()) | {"server_name": f"n{number}", "cluster": cluster}
                server.config_file.write_text(json.dumps(config))
            processes.append(self.program("NATS", *server.command()))
        log = Log(",".join(f"nats://127.0.0.1:{port}" for port, _ in ports), processes[0].pid)
        await until(partial(appended, log), processes[0])
        return log

    async def target(self, log: Log, program: Sequence[str] = TAILRACE, **extra: str) -> Target:
        """Create a database, and the tables and streams of Tailrace."""
        addresses = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
        target = Target(log, await self.database(), self.postgres_pid, *addresses)
        await (await self.tailrace(target, "migrate", program=program, **extra)).wait(ANSWER_TIMEOUT)
        return target

    async def database(self) -> str:
        """Create an empty database, which is dropped at the end."""
        name = f"tailrace_bench_{uuid4().hex[:12]}"
        await execute(self.postgres, f"create database {name}")
        self._stack.push_async_callback(execute, self.postgres, f"drop database if exists {name} with (force)")
        return urlsplit(self.postgres)._replace(path=f"/{name}").geturl()

    async def fill(self, log: Log, workload: Workload) -> None:
        """Append a workload to the log."""
        self.say("filling the log")
        async with publishing(log.url) as publisher:
            await publisher.publish_all(workload)

    async def drain(self, target: Target, entries: int, *words: str, program: Sequence[str] = TAILRACE) -> Row:
        """Measure the projector, or a command that projects and ends, until the model has so many entries."""
        process = await self.tailrace(target, *(words or ("serve", "projection")), program=program)
        row = await self.follow(target, process, entries)
        await (process.wait(ANSWER_TIMEOUT) if words else process.stop())
        return row

    async def follow(
        self, target: Target, process: Process, entries: int, done: Callable[[], Awaitable[int]] | None = None
    ) -> Row:
        """Measure a program from its first progress until ``done``, by default the model's position, is ``entries``."""
        watcher = await asyncpg.connect(target.dsn)
        done = done or partial(watcher.fetchval, POSITION)
        first = last = await done()
        meter, changed, reported = None, time.monotonic(), time.monotonic()
        while last < entries:
            if time.monotonic() - reported >= REPORT:
                self.say(f"{last:,} of {entries:,} entries")
                reported = time.monotonic()
            await asyncio.sleep(POLL)
            running, now = process.runs(), await done()
            if now > last:
                if meter is None:
                    first, meter = now, Meter(target.postgres, process=process.pid, NATS=target.log.pid)
                last, changed = now, time.monotonic()
            elif time.monotonic() - changed > STALLED or not running:
                raise TailraceError(f"`{process.name}` is stuck at {last:,} of {entries:,} log entries")
        await watcher.close()
        measured = {} if meter is None else meter.row(last - first)
        return measured | {"peak MB": process.peak_memory / 1e6}

    async def timed(self, process: Process, events: int) -> Row:
        """Measure a program, just started, until it ends; raises TailraceError if it fails."""
        began = time.monotonic()
        await process.wait(3_600)
        used = {"process µs": process.cpu * 1e6 / events, "peak MB": process.peak_memory / 1e6}
        return {"events/s": events / (time.monotonic() - began)} | used

    async def verify(self, target: Target) -> Row:
        """Measure ``tailrace verify``; raises TailraceError if the tables differ from the log."""
        self.say("verifying")
        entries = await appended(target.log)
        return await self.timed(await self.tailrace(target, "verify"), entries)

    async def checkout(self) -> tuple[str, ...]:
        """Install the commit of ``--against`` in an environment of its own, and return its program."""
        folder, uv = self.folder / "against", shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
        python = folder / ".venv" / "bin" / "python"
        folder.mkdir()
        script = f"""git -C {ROOT} archive {self.options.against} | tar -x -C {folder}
            {uv} venv --quiet --no-project --python {sys.executable} {folder}/.venv
            {uv} pip sync --quiet --python {python} --require-hashes $(find {folder} -name requirements.lock)
            {uv} pip install --quiet --python {python} --no-deps --editable {folder}"""
        await asyncio.to_thread(subprocess.run, ["sh", "-ec", script], check=True)
        return str(python), "-m", "tailrace"


@asynccontextmanager
async def open_bench(options: Options, say: Callable[[str], object]) -> AsyncIterator[Bench]:
    """Start a database server, unless the options name one; stop everything and remove the folder at the end."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tailrace-bench-", ignore_cleanup_errors=True))
        bench = Bench(options, Path(folder), say, stack)
        if options.database is not None:
            bench.postgres = options.database
            try:
                connection = await asyncpg.connect(bench.postgres)
            except (OSError, asyncpg.PostgresError) as error:
                raise TailraceError(f"the database does not answer: {error}") from None
            with suppress(psutil.Error):
                bench.postgres_pid = psutil.Process(connection.get_server_pid()).ppid()
            await connection.close()
        else:
            server = EmbeddedPostgres(bench.folder / "postgres", bench.folder / "postgres.secret", free_port())
            await asyncio.to_thread(server.prepare)
            bench.postgres = server.dsn("postgres")
            # nothing has to be kept: no checkpoint at the end
            process = bench.program("Postgres", *server.command(), end=Signals.SIGQUIT)
            bench.postgres_pid = process.pid
            await until(partial(execute, bench.postgres, "select 1"), process)
        yield bench


@asynccontextmanager
async def connected(log: Log) -> AsyncIterator[JetStreamContext]:
    """Connect to a log with nats-py."""
    ignore = partial(asyncio.sleep, 0)  # nats-py raises errors as well
    connection = await nats.connect(log.url.split(","), error_cb=ignore, allow_reconnect=False)
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


async def appended(log: Log) -> int:
    """The number of entries of the log; 0 without a stream."""
    async with connected(log) as stream:
        with suppress(NotFoundError):
            return (await stream.stream_info(LOG_STREAM)).state.messages
    return 0


async def until(check: Callable[[], Awaitable[object]], process: Process) -> None:
    """Wait until a check raises nothing; raises TailraceError if the process fails or ``ANSWER_TIMEOUT`` passes."""
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while process.runs() and time.monotonic() < deadline:
        with suppress(OSError, asyncpg.PostgresError, nats.errors.Error, httpx.HTTPError, LookupError):
            await check()
            return
        await asyncio.sleep(POLL)
    raise TailraceError(f"`{process.name}` is not ready after {ANSWER_TIMEOUT:.0f} s")


async def healthy(url: str) -> None:
    """Check that a service is healthy; raises httpx.HTTPError."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        (await http.get("/health")).raise_for_status()


async def execute(dsn: str, statement: str) -> Any:
    """Run a statement, and return its first value."""
    connection = await asyncpg.connect(dsn)
    try:
        # only `execute` runs several statements
        return await (connection.fetchval if statement.startswith("s") else connection.execute)(statement)
    finally:
        await connection.close()
