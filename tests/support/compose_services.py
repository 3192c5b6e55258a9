"""Runs all services of the compose file on this machine, with their addresses replaced."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from tailrace.embedded.lifetime import die_with_parent
from tailrace.embedded.nats import nats_binary
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import EmbeddedPostgres, postgres_bin
from tests.support.compose import ROOT, Host, read_compose, start_order
from tests.support.processes import TailraceProcess
from tests.support.waiting import until

FILE = "docker-compose.yml"
SERVICES = ("command", "projection", "query")
PASSWORDS = {
    "DB_USER": "seed",
    "DB_PASS": "it's",
    "DB_NAME": "seed_db",
    "GRAF_DB_PASS": "r",
    # unquoted, NATS would read these as numbers, a duration and a boolean
    "NATS_ADMIN_PASS": "12345",
    "NATS_COMMAND_PASS": "1e3",
    "NATS_PROJECTION_PASS": "5m",
    "NATS_QUERY_PASS": "true",
}
_ELSEWHERE = ("grafana", "tailrace", "nats-volume")
"""Services that are not started: another image, a one-off command, one that needs root."""


class Running(NamedTuple):
    """The running services."""

    host: Host
    services: dict[str, Any]
    processes: dict[str, "subprocess.Popen[bytes] | TailraceProcess"]
    healthy: list[str]
    ports: dict[str, int]
    reader: str

    @property
    def producer(self) -> str:
        """The NATS address for producers."""
        return f"nats://producer:producer@127.0.0.1:{self.ports['nats']}"


@contextmanager
def running_compose(postgres_server: EmbeddedPostgres, folder: Path) -> Iterator[Running]:
    """Starts every service once its dependencies are healthy."""
    services = read_compose(FILE, PASSWORDS)["services"]
    ports = {name: free_port() for name in ("nats", "monitor", *SERVICES)}
    asyncio.run(_make_database(postgres_server, services["timescaledb"]["environment"]))
    addresses = {
        "nats:4222": f"127.0.0.1:{ports['nats']}",
        "http://command:8081": f"http://127.0.0.1:{ports['command']}",
        "http://projection:8082": f"http://127.0.0.1:{ports['projection']}",
        "http://query:8080": f"http://127.0.0.1:{ports['query']}",
        "http://127.0.0.1:8222": f"http://127.0.0.1:{ports['monitor']}",
        "0.0.0.0": "127.0.0.1",
        "timescaledb": "127.0.0.1",
        "5432": str(postgres_server.port),
        "/projections": str(folder),
    }
    reader = f"postgresql://grafana_reader:r@127.0.0.1:{postgres_server.port}/seed_db"
    running = Running(Host(folder, addresses), services, {}, [], ports, reader)
    with ExitStack() as ending:
        for name in start_order(services):
            if name in _ELSEWHERE:
                continue
            if name == "timescaledb":
                test = services[name]["healthcheck"]["test"]
                at = ["-p", str(postgres_server.port), "-h", "127.0.0.1", *test[4:]]
                command = [str(postgres_bin() / test[1]), *at]
                assert subprocess.run(command, check=False, capture_output=True).returncode == 0
                running.healthy.append(name)
                continue
            # by name: a test may have restarted it
            ending.callback(_end, running.processes, name)
            _start(running, name)
        yield running


def change_environment(running: Running, variables: dict[str, str]) -> set[str]:
    """Recreates the services whose environment changes with other ``variables``, as ``docker compose up -d`` does.

    Returns:
        The recreated services.
    """
    services = read_compose(FILE, variables)["services"]
    changed = [
        name
        for name in start_order(services)
        if name in running.processes and services[name]["environment"] != running.services[name]["environment"]
    ]
    running.services.update(services)
    for name in changed:
        _end(running.processes, name)
    for name in changed:
        _start(running, name)
    return set(changed)


def _start(running: Running, name: str) -> None:
    """Starts a service and waits until it is healthy or has completed."""
    host, service = running.host, running.services[name]
    more = {f"TAILRACE_{one.upper()}_PORT": str(running.ports[one]) for one in SERVICES}
    if name == "nats":
        running.processes[name] = _start_nats(host, service, running.ports)
    else:
        running.processes[name] = host.start(service, name, **more)
    if name == "migrate":
        assert running.processes[name].wait(60) == 0, host.log(name)
    if "healthcheck" in service:
        asyncio.run(until(lambda: healthy(host, service, more), timeout=60))
        running.healthy.append(name)


async def _make_database(server: EmbeddedPostgres, environment: dict[str, str]) -> None:
    """Creates the superuser and the database that the image's entry point would create."""
    admin = await asyncpg.connect(server.dsn("postgres"))
    user, password, name = (environment[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    quoted = password.replace("'", "''")
    await admin.execute(f"create role {user} superuser login password '{quoted}'")
    await admin.execute(f"create database {name} owner {user}")
    await admin.close()


def _start_nats(host: Host, service: dict[str, Any], ports: dict[str, int]) -> "subprocess.Popen[bytes]":
    text = (ROOT / "deploy/nats/nats.conf").read_text()
    listening = {"0.0.0.0:4222": ports["nats"], "0.0.0.0:8222": ports["monitor"]}
    for there, here in ((one, f"127.0.0.1:{port}") for one, port in listening.items()):
        assert there in text
        text = text.replace(there, here)
    configuration = host.folder / "nats.conf"
    configuration.write_text(text.replace("store_dir: /data", f"store_dir: {host.folder}/data"))
    words = [word.replace("/etc/nats/nats.conf", str(configuration)) for word in service["command"]]
    with (host.folder / "nats.log").open("ab") as output:
        command = [nats_binary(), *words]
        return subprocess.Popen(
            command,
            env=host.environment(service),
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )


async def healthy(host: Host, service: dict[str, Any], more: dict[str, str]) -> bool:
    """Whether a service's health check succeeds."""
    if service["healthcheck"]["test"][1] == "wget" and shutil.which("wget") is None:
        return True  # the image has wget; without the server, its dependents fail
    return await asyncio.to_thread(host.healthy, service, **more)


def _end(processes: "dict[str, subprocess.Popen[bytes] | TailraceProcess]", name: str) -> None:
    if (process := processes.get(name)) is None:
        return
    process.terminate()
    process.wait(20)
