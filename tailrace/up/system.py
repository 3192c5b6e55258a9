"""The servers and services of a run: how each starts, when it is ready, and how all stop."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import asyncpg
import httpx

from contracts.errors import LogUnavailableError, TailraceError
from migrations.bootstrap import ensure_database
from migrations.catalogue import get_live_model
from migrations.roles import ensure_reader
from migrations.streams import ensure_streams
from migrations.upcasters import located
from projection.declared.files import located as located_projections
from projection.offline import rebuild_offline
from runtime.log.client import LogClient
from runtime.log.connect import connect_nats
from runtime.log.permissions import PERMISSIONS
from runtime.postgres import connected
from runtime.settings import Settings
from tailrace.embedded.nats import EmbeddedNats, random_passwords
from tailrace.embedded.ports import Ports, require_free
from tailrace.embedded.postgres import EmbeddedPostgres
from tailrace.endpoints import Endpoints
from tailrace.up.child import Child, describe_exit
from tailrace.up.folder import POSTGRES

READY_TIMEOUT = 60.0
SERVERS = ("nats", "postgres")
_OURS = ("TAILRACE_", "DB_PASS", "GRAF_")
"""Variables that servers do not need, since they may hold passwords."""
_POLL_INTERVAL = 0.05
MINIMUM_LIMIT = 16 * 1024**2


def fitting_limits(free: int, settings: Settings) -> dict[str, str]:
    """Returns variables with lower limits of inbox and rejected messages if the disk can't hold the default ones.

    JetStream reserves both, and refuses to create a stream for which three quarters of ``free`` bytes don't suffice.
    """
    limits = ("inbox_max_bytes", "rejected_max_bytes")
    usable = free * 3 // 4
    if sum(getattr(settings, name) for name in limits) <= usable:
        return {}
    limit = 1 << max(usable // 8, MINIMUM_LIMIT).bit_length() - 1  # a power of two is stable over restarts
    return {f"TAILRACE_{name.upper()}": str(limit) for name in limits if name not in settings.model_fields_set}


class System:
    """The servers and services of one run in a data folder."""

    def __init__(
        self, data_dir: Path, ports: Ports, settings: Settings, *, rate: float | None, offline_rebuild: bool = False
    ) -> None:
        self.nats = EmbeddedNats(data_dir / "nats", ports.nats, passwords=random_passwords())
        self.postgres = EmbeddedPostgres(data_dir / POSTGRES, data_dir / "postgres.secret", ports.postgres)
        self._settings = settings
        self._data_dir = data_dir
        self._ports = ports
        self._rate = rate
        self._offline_rebuild = offline_rebuild
        self._projections = located_projections(settings)
        self.children: dict[str, Child] = {}

    @property
    def endpoints(self) -> Endpoints:
        """The addresses and process ids of the run."""
        command = f"http://127.0.0.1:{self._ports.command}"
        return Endpoints(
            command=command,
            query=f"http://127.0.0.1:{self._ports.query}",
            projection=f"http://127.0.0.1:{self._ports.projection}",
            asyncapi=f"{command}/asyncapi",
            nats=self.nats.url,
            database=self.postgres.dsn(self._settings.db_name),
            upcasters=located(self._settings),
            projections=self._projections,
            pids={name: child.pid for name, child in self.children.items() if child.pid is not None},
        )

    async def start_servers(self) -> None:
        """Starts NATS and Postgres and migrates the database.

        Raises:
            LogLostError: the log is gone; the servers run.
            TailraceError: one can't be started.
        """
        await asyncio.gather(asyncio.to_thread(self.nats.prepare), asyncio.to_thread(self.postgres.prepare))
        self._add("nats", self.nats.command())
        self._add("postgres", self.postgres.command(), stop_signal=signal.SIGINT)  # SIGINT: fast shutdown
        await self._start(SERVERS)
        await asyncio.gather(
            self._until("nats", self._nats_answers),
            self._until("postgres", self._postgres_answers),
        )
        await self._prepare_database()
        await self.prepare_streams()
        if self._offline_rebuild:
            await self._rebuild_offline()

    async def start_services(self) -> None:
        """Starts the services and waits until each is ready.

        Raises:
            TailraceError: one can't be started.
        """
        program = [sys.executable, "-P", "-m", "tailrace"]  # -P: the working directory can hide no package
        services = ["command", "projection", "query"]
        for service in services:
            self._add(service, [*program, "serve", service])
        await self._start(services)
        endpoints = self.endpoints
        async with (
            connected(endpoints.database, name="up") as connection,
            httpx.AsyncClient(timeout=2, trust_env=False) as http,
        ):
            await asyncio.gather(
                self._until("command", lambda: _healthy(http, f"{endpoints.command}/health/ready")),
                self._until("query", lambda: _healthy(http, f"{endpoints.query}/health/ready")),
                self._until("projection", lambda: self._projector_settled(connection)),
            )
        if self._rate is not None:
            self._add("producer", [*program, "produce", "--rate", f"{self._rate:g}"])
            await self._start(["producer"])

    async def stop(self) -> None:
        """Stops everything in the order of the data flow within 5 s; kills what has not exited by then."""
        for names, timeout in ((["producer"], 0.7), (["command"], 1.3), (["projection", "query"], 1.3)):
            await self._stop(names, timeout)
        await self._stop(SERVERS, 1.5)

    def _add(self, name: str, command: list[str], *, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        endpoints = self.endpoints
        if name in SERVERS:
            # of a server that runs as another user, that user can read the environment
            environment = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        else:
            environment = os.environ | self._service_environment(name, endpoints)
        log_file = self._data_dir / "logs" / f"{name}.log"
        servers = [] if name in SERVERS else [self.children[server] for server in SERVERS]
        self.children[name] = Child(name, command, log_file, environment, stop_signal, servers)

    def _service_environment(self, name: str, endpoints: Endpoints) -> dict[str, str]:
        return {
            "TAILRACE_NATS_URL": self.nats.url_of(name if name in PERMISSIONS else "producer"),
            "TAILRACE_DATABASE": endpoints.database,
            "TAILRACE_COMMAND_PORT": str(self._ports.command),
            "TAILRACE_QUERY_PORT": str(self._ports.query),
            "TAILRACE_PROJECTION_PORT": str(self._ports.projection),
            "TAILRACE_COMMAND_URL": endpoints.command,
            **({"TAILRACE_PROJECTIONS": self._projections} if self._projections else {}),
            "TAILRACE_HOST": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
            **self._limits(),
        }

    async def _start(self, names: Sequence[str]) -> None:
        for name in names:
            log_file = self.children[name].log_file
            log_file.unlink(missing_ok=True)
            log_file.touch(mode=0o600)
            try:
                await self.children[name].start()
            except OSError as error:
                raise TailraceError(f"{name} can't be started: {error}") from None

    async def _stop(self, names: Sequence[str], timeout: float) -> None:
        await asyncio.gather(*(self.children[name].stop(timeout) for name in names if name in self.children))

    async def _until(self, name: str, ready: Callable[[], Awaitable[bool]]) -> None:
        child = self.children[name]
        deadline = time.monotonic() + READY_TIMEOUT
        while not await ready():
            if child.process is not None and child.process.returncode is not None:
                require_free(name, getattr(self._ports, name))
                raise TailraceError(
                    f"{name} exited at its start ({describe_exit(child.process.returncode)}{child.last_words()}); "
                    f"its output is in {child.log_file}"
                )
            if time.monotonic() > deadline:
                raise TailraceError(
                    f"{name} is not ready after {READY_TIMEOUT:.0f} s{child.last_words()}; "
                    f"its output is in {child.log_file}"
                )
            await asyncio.sleep(_POLL_INTERVAL)

    async def _projector_settled(self, connection: "asyncpg.Connection") -> bool:
        # one that exited refuses this log: the operator has to decide, and needs the other services for that
        process = self.children["projection"].process
        if process is not None and process.returncode is not None:
            return True
        # after an upgrade, no model is projected before its replay
        return await _projector_is_active(connection) or not (await get_live_model(connection)).is_current

    async def _nats_answers(self) -> bool:
        try:
            async with await self._connect_nats() as client:
                await client.api("INFO")
        except LogUnavailableError:
            return False
        return True

    async def _postgres_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.postgres.dsn("postgres"), timeout=5)
        except asyncpg.InvalidAuthorizationSpecificationError:
            raise TailraceError(
                f"the database refuses the password in {self.postgres.secret_file}: it belongs to another "
                f"folder than {self.postgres.data_dir}; restore the file, or move the folder away: the tables are "
                "rebuilt from the log"
            ) from None
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    def _limits(self) -> dict[str, str]:
        return fitting_limits(shutil.disk_usage(self._data_dir).free, self._settings)

    async def prepare_streams(self) -> None:
        """Creates missing streams, which the services' users may not.

        Raises:
            LogLostError: the log is gone.
        """
        limits = {name.removeprefix("TAILRACE_").lower(): int(value) for name, value in self._limits().items()}
        changes = {**limits, "database": self.endpoints.database}
        async with await self._connect_nats() as client:
            await ensure_streams(client, self._settings.model_copy(update=changes))

    async def _prepare_database(self) -> None:
        dsn = self.endpoints.database
        await ensure_database(self._settings.model_copy(update={"database": dsn}))
        if {"db_user", "db_pass"} <= self._settings.model_fields_set:
            # psql and Grafana may use the address of an existing .env
            async with connected(dsn, name="up") as connection:
                await ensure_reader(connection, self._settings.db_user, self._settings.db_pass)

    async def _rebuild_offline(self) -> None:
        async with await self._connect_nats() as client, connected(self.endpoints.database, name="up") as connection:
            await rebuild_offline(client, connection, self._settings)

    async def _connect_nats(self) -> LogClient:
        return await connect_nats(self.nats.url, "up", allow_reconnect=False)


async def _projector_is_active(connection: "asyncpg.Connection") -> bool:
    held = "select exists (select from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory'"
    return bool(await connection.fetchval(f"{held} and application_name = 'tailrace-projection')"))


async def _healthy(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == 200
    except httpx.HTTPError:
        return False
