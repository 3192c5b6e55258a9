"""The compose file without an engine: valid, and its services really started on this machine as it says."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import msgspec
import nats
import pytest
from pydantic import AliasChoices

from support.compose import ROOT, Host, read_compose, start_order, variables_of
from support.waiting import until
from tailrace.ops.embedded.nats import nats_binary
from tailrace.ops.embedded.ports import free_port
from tailrace.ops.embedded.postgres import EmbeddedPostgres, postgres_bin
from tailrace.runtime.settings import Settings

PASSWORDS = {"DB_USER": "seed", "DB_PASS": "it's", "DB_NAME": "seed_db", "NATS_COMMAND_PASS": "s3", "GRAF_DB_PASS": "r"}
FILE = "docker-compose.yml"
FILES = (FILE, "docker-compose.cluster.yml")
SERVICES = ("command", "projection", "query")
DIFFERENT = {("nats", "command"), ("nats", "healthcheck")}
"""What the cluster's file says otherwise than that of one machine."""
GRAFANA = ("GRAF_USER", "GRAF_PASS")
OTHERS = ("POSTGRES_", "GF_", "NATS_", "GRAF_", "TIMESCALEDB_")
"""What other images than ours read."""
SEED = {"event_type": "page_view", "user_id": 123, "created_at": "2025-10-10T10:00:00Z", "event_data": {"path": "/"}}


class Running(NamedTuple):
    """The whole of the compose file on this machine."""

    host: Host
    services: dict[str, Any]
    processes: dict[str, "subprocess.Popen[bytes]"]
    healthy: list[str]
    ports: dict[str, int]
    reader: str

    @property
    def producer(self) -> str:
        """Where somebody's own producer connects."""
        return f"nats://producer:producer@127.0.0.1:{self.ports['nats']}"


@pytest.mark.parametrize("file", FILES)
def test_the_file_is_valid_by_the_specification(file: str) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("file", FILES)
def test_whoever_has_the_seeds_env_file_needs_no_more(file: str) -> None:
    seed = {
        "DB_USER": "user",
        "DB_PASS": "password",
        "DB_NAME": "analytics",
        "GRAF_USER": "admin",
        "GRAF_PASS": "admin",
    }
    assert read_compose(file, seed) == read_compose(file, {})
    example = (ROOT / ".env.example").read_text()
    named = {line.split("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert named == variables_of(file) >= seed.keys()


@pytest.mark.parametrize("file", FILES)
def test_every_variable_is_a_setting_and_every_setting_can_be_given(file: str) -> None:
    known = {f"TAILRACE_{name.upper()}" for name in Settings.model_fields}
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            known |= {str(choice) for choice in field.validation_alias.choices}
    services = read_compose(file, {})["services"]
    for name, service in services.items():
        given = {one for one in service.get("environment", {}) if not one.startswith(OTHERS) or "build" in service}
        assert given <= known | ({"DB_NAME"} if name == "grafana" else set()), name
        if "build" in service:
            assert service["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("file", FILES)
def test_only_loopback_is_published_and_images_are_pinned(file: str) -> None:
    published: list[str] = []
    for name, service in read_compose(file, {})["services"].items():
        published += service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["image"].partition(":")[2][:1].isdigit(), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name in ("timescaledb", "grafana"), name
    assert len(published) == len({port.rpartition(":")[0] for port in published})


@pytest.mark.parametrize(("file", "server"), [(FILES[0], "nats"), (FILES[1], "nats-2")])
def test_the_logs_server_finds_its_configuration_good(tmp_path: Path, file: str, server: str) -> None:
    service = read_compose(file, {})["services"][server]
    host = Host(tmp_path, {"/etc/nats": str(ROOT / "deploy/nats")})
    command = [nats_binary(), "-t", *(host.own(word) for word in service["command"])]
    environment = host.environment(service)
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_cluster_is_of_the_same_parts() -> None:
    one, many = (read_compose(file, {})["services"] for file in FILES)
    for name, service in many.items():
        alone = one[name if name in one else name.rpartition("-")[0]]
        for key in ("image", "read_only", "cap_add", "command", "environment", "healthcheck", "restart"):
            if service.get(key) != alone.get(key):
                assert (name.partition("-")[0], key) in DIFFERENT or key == "environment", (name, key)
        different = {
            variable
            for variable in {*service["environment"], *alone["environment"]}
            if service["environment"].get(variable) != alone["environment"].get(variable)
        }
        assert different <= {"TAILRACE_NATS_URL", "TAILRACE_REPLICAS", "TAILRACE_COMMAND_URL", "NATS_SERVER_NAME"}


@pytest.fixture(scope="module")
def running(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("compose")
    services = read_compose(FILE, PASSWORDS)["services"]
    ports = {name: free_port() for name in ("nats", "monitor", *SERVICES)}
    asyncio.run(_make_database(postgres_server, services["timescaledb"]["environment"]))
    addresses = {
        "nats:4222": f"127.0.0.1:{ports['nats']}",
        "http://command:8081": f"http://127.0.0.1:{ports['command']}",
        "http://127.0.0.1:8222": f"http://127.0.0.1:{ports['monitor']}",
        "0.0.0.0": "127.0.0.1",
        "timescaledb": "127.0.0.1",
        "5432": str(postgres_server.port),
    }
    host = Host(folder, addresses)
    more = {f"TAILRACE_{name.upper()}_PORT": str(ports[name]) for name in SERVICES}
    started = {name: service for name, service in services.items() if name != "grafana"}
    with ExitStack() as ending:
        processes: dict[str, subprocess.Popen[bytes]] = {}
        healthy: list[str] = []
        for name in start_order(started):
            service = started[name]
            if name == "timescaledb":
                test = service["healthcheck"]["test"]
                at = ["-p", str(postgres_server.port), "-h", "127.0.0.1", *test[4:]]
                command = [str(postgres_bin() / test[1]), *at]
                assert subprocess.run(command, check=False, capture_output=True).returncode == 0
                healthy.append(name)
                continue
            if name == "nats":
                processes[name] = _start_nats(host, service, ports)
            else:
                processes[name] = host.start(service, name, **more)
            ending.callback(_end, processes[name])
            if name == "migrate":
                assert processes[name].wait(60) == 0, host.log(name)
            if "healthcheck" in service:
                asyncio.run(until(lambda one=service: _healthy(host, one, more), timeout=60))  # type: ignore[misc]
                healthy.append(name)
        reader = f"postgresql://grafana_reader:r@127.0.0.1:{postgres_server.port}/seed_db"
        yield Running(host, services, processes, healthy, ports, reader)


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
        return subprocess.Popen(command, env=host.environment(service), stdout=output, stderr=output)


async def _healthy(host: Host, service: dict[str, Any], more: dict[str, str]) -> bool:
    if service["healthcheck"]["test"][1] == "wget" and shutil.which("wget") is None:
        return True  # the image has it, this machine does not; what needs the server fails if it is not there
    return await asyncio.to_thread(host.healthy, service, **more)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(20)


def test_everything_becomes_healthy_in_the_order_it_depends(running: Running) -> None:
    with_checks = {name for name, service in running.services.items() if "healthcheck" in service}
    assert set(running.healthy) == with_checks - {"grafana"}
    assert "the stream ANALYTICS is made" in running.host.log("migrate")


async def test_events_go_in_at_every_door_and_are_counted(running: Running) -> None:
    stats = f"http://127.0.0.1:{running.ports['query']}/stats?event_type=page_view&event_type=door"
    async with httpx.AsyncClient(trust_env=False) as http:
        before = (await http.get(stats)).json()["totals"]["events"]
        url = f"http://127.0.0.1:{running.ports['command']}/events"
        assert (await http.post(url, json={**SEED, "event_type": "door"})).status_code == 202
        client = await nats.connect(running.producer)
        await client.jetstream().publish("analytics", msgspec.json.encode({**SEED, "event_type": "door"}))
        await client.publish("analytics", b"not an event")
        reply = await client.request("analytics.submit", msgspec.json.encode({**SEED, "event_type": "door"}), timeout=5)
        assert json.loads(reply.data)["duplicate"] is False
        await client.close()

        async def counted() -> bool:
            return bool((await http.get(stats)).json()["totals"]["events"] >= before + 3)

        await until(counted)
        # mock events of the profile `producer` come in as well
        await until(lambda: _more_than(http, stats.partition("?")[0], before + 5))


async def _more_than(http: httpx.AsyncClient, url: str, events: int) -> bool:
    return bool((await http.get(url)).json()["totals"]["events"] > events)


async def test_live_clients_and_a_restarted_service_are_allowed_what_they_need(running: Running) -> None:
    url = f"http://127.0.0.1:{running.ports['query']}"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        answer = await http.get(f"{url}/sse?from=earliest&until=-0s&event_type=page_view")
        assert "caught_up" in answer.text or '"kind":"end"' in answer.text
        assert (await http.get(f"{url}/events?limit=3")).status_code == 200
    service = running.services["projection"]
    process = running.processes["projection"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    more = {"TAILRACE_PROJECTION_PORT": str(running.ports["projection"])}
    running.processes["projection"] = running.host.start(service, "projection", **more)
    try:
        await until(lambda: _healthy(running.host, service, more), timeout=60)
    finally:
        running.processes["projection"].terminate()
        running.processes["projection"].wait(20)


async def test_no_service_asks_the_log_for_more_than_it_is_allowed(running: Running) -> None:
    assert "iolation" not in running.host.log("nats")
    assert "uthorization" not in running.host.log("nats")


@pytest.mark.parametrize("user", [*SERVICES, "producer"])
async def test_no_user_of_a_service_may_change_or_delete_the_log(running: Running, user: str) -> None:
    password = PASSWORDS.get(f"NATS_{user.upper()}_PASS", user)
    client = await nats.connect(f"nats://{user}:{password}@127.0.0.1:{running.ports['nats']}")
    for action in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
        with pytest.raises(nats.errors.TimeoutError):
            await client.request(f"$JS.API.STREAM.{action}.ANALYTICS", b"{}", timeout=0.2)
    await client.close()
    for action in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
        assert f'Publish Violation - Subject "$JS.API.STREAM.{action}.ANALYTICS"' in running.host.log("nats")


async def test_grafanas_role_reads_everything_and_writes_nothing(running: Running) -> None:
    connection = await asyncpg.connect(running.reader)
    assert await connection.fetchval("select count(*) from analytics_events") > 0
    assert await connection.fetchval("select count(*) from pipeline_samples") >= 0
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("set default_transaction_read_only = off; delete from tailrace.pipeline_samples")
    await connection.close()
