"""The images and compose files on a Docker engine: a stage of its own of `.ci/run`, because it takes minutes.

The tests build on each other, in the order of this file.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nats
import pytest
from dotenv import dotenv_values

from contracts.subjects import INBOX, SUBMIT, subject_of
from tests.support.compose import ROOT, read_compose
from tests.support.engine import Engine, EngineUnavailableError, running_engine
from tests.support.stand_ins import build_stand_ins

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

WITHOUT_GRAFANA = "services:\n  grafana: !reset null\n"
"""Grafana's image cannot be made from packages."""
QUERY, COMMAND = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
NATS = "nats://{user}:{password}@127.0.0.1:4222"
EVENT_TYPE = "engine_test"


class Containers:
    """A clone of the repository on an engine of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clone = engine.folder / "clone"
        copy_repository(self.clone)
        (self.clone / "without-grafana.yml").write_text(WITHOUT_GRAFANA)
        self.use("docker-compose.yml")

    def use(self, file: str) -> None:
        """Makes every following command use a compose file."""
        self.engine.environment["COMPOSE_FILE"] = f"{file}:without-grafana.yml"

    def compose(self, *arguments: str, given: bytes | None = None) -> str:
        return self.engine.run("docker", "compose", *arguments, cwd=self.clone, given=given)

    def just(self, *arguments: str) -> str:
        return self.engine.run("./just", *arguments, cwd=self.clone)

    def tailrace(self, *arguments: str) -> str:
        return self.compose("run", "--rm", "-T", "tailrace", *arguments)

    def secret(self, name: str) -> str:
        """Returns a key or password that the first start wrote."""
        found = dotenv_values(self.clone / ".env")[name]
        assert found is not None
        return found

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Returns an answer of the query service."""
        headers = {"Authorization": f"Bearer {self.secret('TAILRACE_READ_KEY')}"}
        answer = httpx.get(f"{QUERY}{path}", params=parameters, headers=headers, timeout=20, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer

    def post(self, content: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret('TAILRACE_WRITE_KEY')}", "Content-Type": content_type}
        return httpx.post(f"{COMMAND}/events", content=content, headers=headers, timeout=20, trust_env=False)

    def counted(self) -> int:
        found: int = self.get("/stats", event_type=EVENT_TYPE).json()["totals"]["events"]
        return found

    def live_model(self) -> str:
        found: str = json.loads(self.tailrace("status", "--json"))["read_model"]["model"]
        return found

    def inspect(self, service: str) -> Any:
        [container] = json.loads(self.engine.run("docker", "inspect", self.compose("ps", "--quiet", service).strip()))
        return container

    def until_counted(self, events: int, timeout: float = 150) -> None:
        until(f"{events} events are counted", lambda: self.counted() == events, timeout)


def copy_repository(target: Path) -> None:
    """Copies the files that git knows or does not ignore."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def until(what: str, happened: Callable[[], bool], timeout: float = 150) -> None:
    """Polls; a refused connection counts as no."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if happened():
                return
        except (httpx.HTTPError, AssertionError):
            pass
        assert time.monotonic() < deadline, f"timeout: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    """Everything of ``docker-compose.yml``, started as a newcomer does."""
    try:
        with running_engine() as engine:
            build_stand_ins(engine)
            containers = Containers(engine)
            containers.just("up", "docker")
            yield containers
    except EngineUnavailableError as error:
        pytest.skip(f"containers are not tested: {error}")


def event(**fields: object) -> dict[str, object]:
    made = {"event_type": EVENT_TYPE, "user_id": 7, "created_at": "2026-03-01T10:00:00Z", "event_data": {"path": "/"}}
    return made | fields


async def send_over_nats(containers: Containers) -> None:
    producer = await nats.connect(NATS.format(user="producer", password="producer"))
    await producer.jetstream().publish(INBOX, json.dumps(event()).encode())
    reply = await producer.request(SUBMIT, json.dumps(event()).encode(), timeout=5)
    assert json.loads(reply.data)["duplicate"] is False
    await producer.close()
    admin = await nats.connect(NATS.format(user="admin", password=containers.secret("NATS_ADMIN_PASS")))
    await admin.jetstream().publish(subject_of(EVENT_TYPE), json.dumps(event(event_id=str(uuid4()))).encode())
    await admin.close()


def test_up_docker_builds_the_image_and_every_service_becomes_healthy(containers: Containers) -> None:
    running = [json.loads(line) for line in containers.compose("ps", "--format", "json").splitlines()]
    services = read_compose("docker-compose.yml", {})["services"]
    with_checks = {name for name, service in services.items() if "healthcheck" in service}
    assert {one["Service"] for one in running if one["Health"] == "healthy"} == with_checks - {"grafana"}
    assert "problem" not in containers.tailrace("status")
    assert "<title>Log in" in httpx.get(QUERY, trust_env=False).text
    assert '<div id="page">' in containers.get("/").text


def test_events_of_every_way_in_are_counted(containers: Containers) -> None:
    assert containers.post(json.dumps(event()).encode()).status_code == 202
    lines = b"".join(json.dumps(event(user_id=user)).encode() + b"\n" for user in range(100))
    assert containers.post(lines, "application/x-ndjson").json()["accepted"] == 100
    asyncio.run(send_over_nats(containers))
    containers.compose("run", "--rm", "-T", "tailrace", "import", "-", given=lines)
    containers.until_counted(1 + 100 + 3 + 100)


def test_a_candidate_is_replayed_verified_and_shown(containers: Containers) -> None:
    before, model = containers.counted(), containers.live_model()
    containers.tailrace("verify")
    containers.tailrace("replay", "--share", "1")
    containers.tailrace("cutover")
    containers.tailrace("verify")
    assert containers.counted() == before
    assert containers.live_model() != model


@pytest.mark.parametrize("service", ["nats", "timescaledb", "command", "projection", "query"])
def test_a_killed_container_comes_back_and_nothing_is_lost(containers: Containers, service: str) -> None:
    before, found = containers.counted(), containers.inspect(service)
    assert containers.post(json.dumps(event()).encode()).status_code == 202
    os.kill(found["State"]["Pid"], signal.SIGKILL)

    def restarted() -> bool:
        now = containers.inspect(service)
        return bool(now["RestartCount"] > found["RestartCount"] and now["State"]["Health"]["Status"] == "healthy")

    until(f"{service} is healthy again", restarted)
    sent = 1

    def accepted() -> bool:
        return containers.post(json.dumps(event()).encode()).status_code == 202

    until("an event is accepted", accepted)
    containers.until_counted(before + sent + 1)


def test_data_survives_down_and_up(containers: Containers) -> None:
    before = containers.counted()
    containers.just("down", "docker")
    assert containers.engine.containers() == []
    containers.just("up", "docker")
    containers.until_counted(before)
    containers.tailrace("verify")


def test_the_images_size_is_documented(containers: Containers) -> None:
    sizes = [
        json.loads(containers.engine.run("docker", "image", "inspect", image))[0]["Size"]
        for image in ("tailrace:0.1.0", containers.engine.run("docker", "images", "--quiet", "python").split()[0])
    ]
    added = (sizes[0] - sizes[1]) / 1e6
    line = next(
        line for line in (ROOT / "docs/operations.md").read_text().splitlines() if " MB to Python's image" in line
    )
    documented = float(line.partition(" MB to Python's image")[0].rpartition(" ")[2])
    assert abs(added - documented) < documented / 5, f"the image adds {added:.0f} MB to Python's"


def test_the_cluster_keeps_every_event_while_its_log_servers_are_killed(containers: Containers) -> None:
    containers.just("down", "docker")
    containers.use("docker-compose.cluster.yml")
    containers.compose("up", "--detach", "--wait")
    assert "problem" not in containers.tailrace("status")
    sent = 0
    for server in ("nats-1", "nats-2", "nats-3"):
        found = containers.inspect(server)
        os.kill(found["State"]["Pid"], signal.SIGKILL)
        identified = json.dumps(event(event_id=str(uuid4()))).encode()
        until("two servers accept an event", lambda one=identified: containers.post(one).status_code == 202)  # type: ignore[misc]
        sent += 1
        until(
            f"{server} is healthy again",
            lambda name=server: containers.inspect(name)["State"]["Health"]["Status"] == "healthy",  # type: ignore[misc]
        )
    containers.until_counted(sent)
    containers.tailrace("verify")
