"""Child processes, and the CPU time and memory of them and of the servers."""

import asyncio
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import Any

import psutil

from contracts.errors import TailraceError
from tailrace.embedded.lifetime import die_with_parent

Row = dict[str, Any]  # text and figures by column; a column whose name ends in "µs" holds CPU time per event
POLL, STOP_TIMEOUT = 0.02, 10.0


class Process:
    """A child process. It dies with its parent; its output is kept in files."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], files: Path, end: Signals) -> None:
        self.name, self._end, self.cpu, self.peak_memory = name, end, 0.0, 0  # seconds and bytes, by the last sample
        self.output, self._errors = files.with_suffix(".out"), files.with_suffix(".err")
        with self.output.open("wb") as output, self._errors.open("wb") as errors:
            die = die_with_parent(Signals.SIGKILL)
            # cwd has no .env, and no packages that the program would find first
            where: dict[str, Any] = {
                "stdin": subprocess.DEVNULL,
                "stdout": output,
                "stderr": errors,
                "cwd": files.parent,
            }
            self._child = psutil.Popen(command, **where, env=env, start_new_session=True, preexec_fn=die)
        self.pid: int = self._child.pid

    def runs(self) -> bool:
        """Whether the process runs; samples its CPU time and memory. Raises TailraceError if it has failed."""
        code = self._child.poll()
        if code:
            reason = self._errors.read_text().strip()[-2000:] or "no message"
            raise TailraceError(f"`{self.name}` ended with exit code {code}: {reason}")
        with suppress(psutil.Error):
            self.cpu, self.peak_memory = cpu_seconds(self.pid), max(self.peak_memory, self.memory())
        return code is None

    async def wait(self, timeout: float) -> str:
        """Wait until the process ends, and return its output; raises TailraceError if it fails or takes longer."""
        deadline = time.monotonic() + timeout
        while self.runs():
            if time.monotonic() > deadline:
                raise TailraceError(f"`{self.name}` still runs after {timeout:.0f} s")
            await asyncio.sleep(POLL)
        return self.output.read_text()

    def memory(self) -> int:
        """Bytes of resident memory now."""
        return int(self._child.memory_info().rss)

    async def stop(self) -> None:
        """Ask the process to end if it runs, and kill it if it does not."""
        with suppress(psutil.NoSuchProcess):
            self._child.send_signal(self._end)
        try:
            await asyncio.to_thread(self._child.wait, STOP_TIMEOUT)
        except psutil.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def cpu_seconds(pid: int, *, family: bool = False) -> float:
    """CPU time that a process has used; with ``family`` also that of its descendants, including those that ended."""
    process = psutil.Process(pid)
    while True:
        times, total = process.cpu_times(), 0.0
        for child in process.children(recursive=True) if family else []:
            with suppress(psutil.Error):
                total += sum(child.cpu_times()[:2])
        # no child may end meanwhile: its time moves to its parent
        if process.cpu_times()[2:4] == times[2:4]:
            return total + sum(times[: 4 if family else 2])


class Meter:
    """Measures wall-clock time and the CPU time of processes, from its creation until ``row``."""

    def __init__(self, postgres: int | None = None, **processes: int) -> None:
        self._postgres, self._pids = postgres, processes
        self._before, self._began = self._read(), time.monotonic()

    def row(self, events: int) -> Row:
        """The rate, and CPU microseconds per event of each process."""
        seconds, after = time.monotonic() - self._began, self._read()
        used = {f"{name} µs": (after[name] - self._before[name]) * 1e6 / max(events, 1) for name in after}
        return {"events/s": events / seconds, **used}

    def _read(self) -> dict[str, float]:
        read = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        return read if self._postgres is None else read | {"Postgres": cpu_seconds(self._postgres, family=True)}
