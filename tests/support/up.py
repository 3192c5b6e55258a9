"""``tailrace up`` as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tailrace.embedded.lifetime import die_with_parent

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0
ANY_PORTS = [f"--{name}-port=0" for name in ("command", "query", "projection", "nats", "postgres")]


class UpRun:
    """A running ``tailrace up``; its output goes to a file next to its data folder."""

    def __init__(self, data_dir: Path, *arguments: str, command: list[str] | None = None, **options: Any) -> None:
        self.data_dir = data_dir
        self.output_file = data_dir.with_suffix(".out")
        self.started = time.monotonic()
        command = command or [sys.executable, "-m", "tailrace"]
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "up", "--data-dir", str(data_dir), *ANY_PORTS, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
                **options,
            )

    @property
    def output(self) -> str:
        return self.output_file.read_text(errors="replace")

    @property
    def endpoints_file(self) -> Path:
        return self.data_dir / "endpoints.json"

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.endpoints_file.read_text())
        return found

    def until_ready(self, timeout: float = READY_TIMEOUT) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while not self.endpoints_file.exists():
            assert self.process.poll() is None, f"up ended with {self.process.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"up is not ready: {self.output}"
            time.sleep(0.02)
        return self.endpoints()

    def until(self, what: str, condition: Any, timeout: float = READY_TIMEOUT) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen: {self.output}"
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stops it as Ctrl-C does; returns how long that took, s."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(STOP_TIMEOUT + 5)
        return time.monotonic() - started


@contextmanager
def running_up(data_dir: Path, *arguments: str, **options: Any) -> Iterator[UpRun]:
    run = UpRun(data_dir, *arguments, **options)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGTERM)
            try:
                run.process.wait(STOP_TIMEOUT + 5)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()


def all_gone(pids: dict[str, int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids.values())
