"""A disk that is full and then has room again: producers, status and health name it, and ``up`` recovers by itself."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from dirty_equals import IsPartialDict, IsStr

from runtime.settings import Settings
from tests.support.processes import run_tailrace
from tests.support.up import running_up

pytestmark = pytest.mark.timeout(180)
LEFT = 3_000_000
"""Free bytes before events fill the disk."""
FULL = r".*answers but stores nothing: its disk is full.*"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 320 MB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a file system of its own needs root and mount")
    folder = tmp_path / "disk"
    folder.mkdir(mode=0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320m,mode=755", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this machine lets no file system be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


class Producer:
    """Sends batches of large events to a run of ``up``."""

    def __init__(self, command: str) -> None:
        self.acknowledged: set[str] = set()
        self._first: list[str] = []
        self._http = httpx.Client(base_url=command, timeout=30)

    def send(self) -> httpx.Response:
        return self._send([str(uuid4()) for _ in range(20)])

    def repeat(self) -> httpx.Response:
        """Sends the first events again, which the log has."""
        return self._send(self._first)

    def _send(self, ids: list[str]) -> httpx.Response:
        event = {"event_type": "x", "user_id": 1, "event_data": {"filler": "x" * 10_000}}
        answer = self._http.post("/events", json=[event | {"event_id": one} for one in ids])
        if answer.status_code == 202:
            self.acknowledged.update(ids)
            self._first = self._first or ids
        return answer

    def ready(self) -> httpx.Response:
        return self._http.get("/health/ready")


def test_a_full_disk_is_named_and_up_continues_once_it_has_room(disk: Path) -> None:
    with running_up(disk / "data", "--no-producer") as run:
        endpoints = run.until_ready()
        producer = Producer(endpoints["command"])
        assert producer.send().status_code == 202
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * (shutil.disk_usage(disk).free - LEFT))

        def full() -> bool:
            producer.repeat()  # what the log has may be acknowledged, which hides nothing
            answer = producer.send()
            assert answer.status_code == 202 or answer.json()["code"] == "log_full"
            return answer.status_code == 503

        run.until("the first refusal, which says log_full", full)
        assert (producer.ready().status_code, producer.ready().json()) == (
            503,
            IsPartialDict(log=IsStr(regex=FULL)),
        )
        status = run_tailrace(Settings(), "status", "--json", "--data-dir", str(run.data_dir))
        assert status.returncode == 1
        assert IsStr(regex=f"the command service is not ready: {FULL}") in json.loads(status.stdout)["problems"]
        ballast.unlink()
        run.until("an acknowledgement", lambda: producer.send().status_code == 202)
        assert "restarting it" in run.output
        run.until("it to be ready", lambda: producer.ready().status_code == 200)
        counted = len(producer.acknowledged)

        def projected() -> bool:
            stats = httpx.get(f"{endpoints['query']}/stats")
            return stats.status_code == 200 and stats.json()["totals"]["events"] >= counted

        run.until("every acknowledged event in /stats", projected)
