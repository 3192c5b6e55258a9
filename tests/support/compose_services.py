"""All of the compose file on this machine: every service as it says, with addresses replaced."""

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
    # what a configuration of NATS would read as numbers, a duration and a truth, were it not quoted
    "NATS_ADMIN_PASS": "12345",
    "NATS_COMMAND_PASS": "1e3",
    "NATS_PROJECTION_PASS": "5m",
    "NATS_QUERY_PASS": "true",
}
_ELSEWHERE = ("grafana", "tailrace", "nats-volume")
"""Not started with the rest: another image, what runs a command, what has to be root."""


class Running(NamedTuple):
    """The whole of the compose file on this machine."""

    host: Host
    services: dict[str, Any]
    processes: dict[str, "subprocess.Popen[bytes] | TailraceProcess"]
    healthy: list[str]
    ports: dict[str, int]
    reader: str

    @property
    def producer(self) -> str:
        """Where somebody's own producer connects."""
        return f"nats://producer:producer@127.0.0.1:{self.ports['nats']}"


@contextmanager
def running_compose(postgres_server: EmbeddedPostgres, folder: Path) -> Iterator[Running]:
    """Starts everything in the order it depends, each once what it needs is healthy."""
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
            # whichever runs then: a test may have started it again
            ending.callback(_end, running.processes, name)
            _start(running, name)
        yield running


def change_environment(running: Running, variables: dict[str, str]) -> set[str]:
    """What ``docker compose up -d`` does when ``.env`` has other ``variables``: makes anew what they change.

    Returns:
        The services that were made anew.
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
    """Starts a service, and waits as those do that depend on it."""
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
    """What the image's entry point makes of its variables: an owner who may do everything, and a database."""
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
    """Whether a service's own health check says so."""
    if service["healthcheck"]["test"][1] == "wget" and shutil.which("wget") is None:
        return True  # the image has it, this machine does not; what needs the server fails if it is not there
    return await asyncio.to_thread(host.healthy, service, **more)


def _end(processes: "dict[str, subprocess.Popen[bytes] | TailraceProcess]", name: str) -> None:
    if (process := processes.get(name)) is None:
        return
    process.terminate()
    process.wait(20)
