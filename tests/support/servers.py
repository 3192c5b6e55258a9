"""The real servers of a test run."""

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import asyncpg
import psutil

from contracts.errors import LogUnavailableError
from contracts.subjects import ACCESS_STREAM, INBOX_STREAM, LOG_STREAM, REJECTED_STREAM, USERS_STREAM
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from runtime.log.errors import JetStreamApiError, StreamMissingError
from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import EmbeddedNats
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres

START_TIMEOUT = 30.0


@dataclass
class NatsServer:
    """A nats-server that can be killed and restarted on its files."""

    embedded: EmbeddedNats
    output: IO[bytes]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return self.embedded.url

    def start(self) -> None:
        self.embedded.prepare()
        self.process = subprocess.Popen(
            self.embedded.command(),
            stdout=self.output,
            stderr=self.output,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        asyncio.run(_until_answers(self.url))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


async def _until_answers(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            client = await connect_nats(url, "test-start", allow_reconnect=False)
            await client.api("INFO")
            await client.close()
            return
        except LogUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


@contextmanager
def running_nats(folder: Path, **options: Any) -> Iterator[NatsServer]:
    """A NATS server with its files in ``folder``; ``options`` are further fields of ``EmbeddedNats``."""
    with tempfile.TemporaryFile() as output:
        server = NatsServer(EmbeddedNats(folder, free_port(), **options), output)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass
class PostgresServer:
    """A Postgres server that can be killed and restarted on its files."""

    embedded: EmbeddedPostgres
    output: IO[bytes]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.embedded.prepare()
        self.process = subprocess.Popen(
            self.embedded.command(), stdout=self.output, stderr=self.output, preexec_fn=die_with_parent(signal.SIGINT)
        )
        asyncio.run(_until_accepts(self.embedded.dsn("postgres")))

    def kill(self) -> None:
        """Kills every process of the server: what is only in its memory is lost."""
        assert self.process is not None
        family = self._family()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=START_TIMEOUT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops every process of the server: connections stay open, and nothing is answered."""
        family = self._family()
        for one in family:
            one.suspend()
        try:
            yield
        finally:
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # fast shutdown
            self.process.wait()


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Runs a Postgres server, without fsync unless ``durable``."""
    with tempfile.TemporaryDirectory(prefix="tailrace-test-") as name, tempfile.TemporaryFile() as output:
        folder = Path(name)
        embedded = EmbeddedPostgres(folder / "data", folder / "secret", free_port(), durable=durable)
        server = PostgresServer(embedded, output)
        try:
            server.start()
            yield server
        finally:
            server.stop()


async def _until_accepts(dsn: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            connection = await asyncpg.connect(dsn)
            await connection.close()
            return
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


@asynccontextmanager
async def database_from(server: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """Yields the address of a copy of a database."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    # file_copy takes a third of the time of wal_log
    await admin.execute(f"create database {name} template {template} strategy file_copy")
    yield server.dsn(name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def remove_streams(client: LogClient) -> None:
    for stream in (LOG_STREAM, INBOX_STREAM, REJECTED_STREAM, ACCESS_STREAM, USERS_STREAM):
        try:
            await client.api(f"STREAM.DELETE.{stream}")
        except (JetStreamApiError, StreamMissingError):
            continue
