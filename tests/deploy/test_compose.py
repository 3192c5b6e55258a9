"""The compose file without an engine: it is valid, and its services run on this machine as it says."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import msgspec
import nats
import pytest

from tailrace.embedded.nats import nats_binary
from tests.support.compose import ROOT, Host, read_compose, variables_of
from tests.support.compose_services import FILE, PASSWORDS, SERVICES, Running, healthy
from tests.support.waiting import until

FILES = (FILE, "docker-compose.cluster.yml")
DIFFERENT = {("nats", "command"), ("nats", "healthcheck")}
"""The differences of the cluster's file from that of one machine."""
SEED = {"event_type": "page_view", "user_id": 123, "created_at": "2025-10-10T10:00:00Z", "event_data": {"path": "/"}}


@pytest.mark.parametrize("file", FILES)
def test_the_file_is_valid_by_the_compose_specification(file: str) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("file", FILES)
def test_the_seeds_env_file_is_sufficient(file: str) -> None:
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
    assert named == {name for name in variables_of(file) if not name.startswith("TAILRACE_")} >= seed.keys()


@pytest.mark.parametrize(("file", "server"), [(FILES[0], "nats"), (FILES[1], "nats-2")])
def test_the_nats_server_accepts_its_configuration(tmp_path: Path, file: str, server: str) -> None:
    service = read_compose(file, {})["services"][server]
    host = Host(tmp_path, {"/etc/nats": str(ROOT / "deploy/nats")})
    command = [nats_binary(), "-t", *(host.own(word) for word in service["command"])]
    environment = host.environment(service)
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_cluster_file_has_the_same_services() -> None:
    one, many = (read_compose(file, {})["services"] for file in FILES)
    for name, service in many.items():
        single = one[name if name in one else name.rpartition("-")[0]]
        for key in ("image", "read_only", "cap_add", "command", "environment", "healthcheck", "restart"):
            if service.get(key) != single.get(key):
                assert (name.partition("-")[0], key) in DIFFERENT or key == "environment", (name, key)
        different = {
            variable
            for variable in {*service["environment"], *single["environment"]}
            if service["environment"].get(variable) != single["environment"].get(variable)
        }
        addresses = {f"TAILRACE_{name}_URL" for name in ("NATS", "COMMAND", "PROJECTION", "QUERY")}
        assert different <= addresses | {"TAILRACE_REPLICAS", "TAILRACE_ALLOWED_HOSTS", "NATS_SERVER_NAME"}


def test_services_become_healthy_in_the_order_of_their_dependencies(running: Running) -> None:
    with_checks = {name for name, service in running.services.items() if "healthcheck" in service}
    assert set(running.healthy) == with_checks - {"grafana"}
    assert "the stream ANALYTICS is created" in running.host.log("migrate")


async def test_events_of_every_way_in_are_counted(running: Running) -> None:
    stats = f"http://127.0.0.1:{running.ports['query']}/stats?event_type=page_view&event_type=path"
    async with httpx.AsyncClient(trust_env=False) as http:
        before = (await http.get(stats)).json()["totals"]["events"]
        url = f"http://127.0.0.1:{running.ports['command']}/events"
        assert (await http.post(url, json={**SEED, "event_type": "path"})).status_code == 202
        client = await nats.connect(running.producer)
        await client.jetstream().publish("analytics", msgspec.json.encode({**SEED, "event_type": "path"}))
        await client.publish("analytics", b"not an event")
        reply = await client.request("analytics.submit", msgspec.json.encode({**SEED, "event_type": "path"}), timeout=5)
        assert json.loads(reply.data)["duplicate"] is False
        await client.close()

        async def counted() -> bool:
            return bool((await http.get(stats)).json()["totals"]["events"] >= before + 3)

        await until(counted)
        # the profile `producer` adds mock events
        await until(lambda: _more_than(http, stats.partition("?")[0], before + 5))
    allowed_everything(running)


async def _more_than(http: httpx.AsyncClient, url: str, events: int) -> bool:
    return bool((await http.get(url)).json()["totals"]["events"] > events)


async def test_live_clients_and_a_restarted_service_have_the_permissions_they_need(running: Running) -> None:
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
    await until(lambda: healthy(running.host, service, more), timeout=60)
    allowed_everything(running)


def allowed_everything(running: Running) -> None:
    """Checks that no service has exceeded its permissions."""
    assert "iolation - Subject" not in "".join(
        line
        for line in running.host.log("nats").splitlines()
        if "$JS.API.STREAM.MSG.DELETE" not in line
        and not any(f"$JS.API.STREAM.{action}.ANALYTICS" in line for action in ("UPDATE", "DELETE", "PURGE"))
    )
    assert "uthorization" not in running.host.log("nats")


@pytest.mark.parametrize("user", [*SERVICES, "producer"])
async def test_no_services_user_may_change_or_delete_the_log(running: Running, user: str) -> None:
    password = PASSWORDS.get(f"NATS_{user.upper()}_PASS", user)
    client = await nats.connect(f"nats://{user}:{password}@127.0.0.1:{running.ports['nats']}")
    for action in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
        with pytest.raises(nats.errors.TimeoutError):
            await client.request(f"$JS.API.STREAM.{action}.ANALYTICS", b"{}", timeout=0.2)
    await client.close()
    for action in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
        assert f'Publish Violation - Subject "$JS.API.STREAM.{action}.ANALYTICS"' in running.host.log("nats")


@pytest.mark.parametrize("user", [*SERVICES, "producer"])
async def test_no_services_user_receives_the_messages_of_another(running: Running, user: str) -> None:
    password = PASSWORDS.get(f"NATS_{user.upper()}_PASS", user)
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error))

    url = f"nats://{user}:{password}@127.0.0.1:{running.ports['nats']}"
    client = await nats.connect(url, error_cb=note)
    others = [f"_TAILRACE.{other}.>" for other in (*SERVICES, "admin") if other != user]
    shared = [] if user == "command" else ["_TAILRACE.inbox", "analytics.submit"]
    for subject in (*others, *shared, "_TAILRACE.>", "analytics", "analytics.events.>", "$KV.>", "$JS.>", ">"):
        await client.subscribe(subject)
        if subject in shared:
            await client.subscribe(subject, queue="tailrace-inbox")
        await client.flush()

        async def is_refused(wanted: str = f'subscription to "{subject.lower()}"') -> bool:
            return any(wanted in reason.lower() for reason in refused)

        await until(is_refused)
    await client.close()


async def test_grafanas_role_reads_everything_and_writes_nothing(running: Running) -> None:
    connection = await asyncpg.connect(running.reader)
    assert await connection.fetchval("select count(*) from analytics_events") >= 0
    assert await connection.fetchval("select count(*) from pipeline_samples") >= 0
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("set default_transaction_read_only = off; delete from tailrace.pipeline_samples")
    await connection.close()
