"""One child process: its start, its restarts with growing delays, and its stop."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runtime.printable import printable
from runtime.supervise import sleep_until_stop
from tailrace.embedded.lifetime import die_with_parent

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0
LONGEST_AFTER_KILL = 1.0
"""Seconds until the restart of a server, or of what did not exit by itself, at most: the others need it."""
STABLE_AFTER = 30.0
"""Seconds of running after which the delay starts at the first again."""
MAX_LOG = 64 * 1024 * 1024
"""Bytes of a log file before it is rotated; there is one rotated file of each."""

_FATAL = ("FATAL: ", "PANIC: ", "[FTL] ")
"""Markers of the line in which Postgres and nats-server log why they exit."""
_LAST = 5
"""Lines of output to search for it: earlier ones may be about a client's session."""


@dataclass
class Child:
    """A process of ``tailrace up``. Its output goes to ``log_file``."""

    name: str
    command: list[str]
    log_file: Path
    environment: dict[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    depends_on: "Sequence[Child]" = ()
    """Children without which this one exits: its restart waits for them, and their restart is no fault of its own."""
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    started_at: float = 0.0
    """Time of the last start, by the monotonic clock."""
    state: str = "waiting"
    """waiting, running, restarting or stopped."""

    @property
    def pid(self) -> int | None:
        """The process id, None unless the process runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    async def start(self) -> None:
        """Starts the process in a session of its own, so that Ctrl-C in the terminal reaches only the parent."""
        with self.log_file.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
                preexec_fn=die_with_parent(self.stop_signal),
            )
        self.started_at = time.monotonic()
        self.state = "running"

    async def watch(self, stop: asyncio.Event, changed: Callable[[str], None]) -> None:
        """Restarts the process whenever it exits, until ``stop`` is set. ``changed`` gets a sentence each time."""
        delay = FIRST_DELAY
        while True:
            assert self.process is not None
            code = await self.process.wait()
            if stop.is_set():
                return
            down = [child.name for child in self.depends_on if child.pid is None]
            restarted = any(child.started_at > self.started_at for child in self.depends_on)
            if down or restarted or time.monotonic() - self.started_at > STABLE_AFTER:
                delay = FIRST_DELAY
            self.state = "restarting"
            wait = delay if code >= 0 and self.depends_on else min(delay, LONGEST_AFTER_KILL)
            when = f"after {' and '.join(down)}" if down else f"in {wait:g} s"
            changed(f"{self.name} exited ({describe_exit(code)}{self.last_words()}); restarting {when}")
            while not stop.is_set() and any(child.pid is None for child in self.depends_on):
                await sleep_until_stop(stop, FIRST_DELAY)
            await sleep_until_stop(stop, wait)
            if stop.is_set():
                return
            delay = min(delay * 2, LONGEST_DELAY)
            await self.start()
            changed(f"{self.name} restarted (pid {self.pid})")

    def rotate_log(self) -> None:
        """Moves the output to ``<name>.1`` if it has become large. What is written meanwhile may be lost."""
        with suppress(OSError):
            if self.log_file.stat().st_size > MAX_LOG:
                rotated = self.log_file.with_name(f"{self.log_file.name}.1")
                shutil.copy2(self.log_file, rotated)  # with its permissions
                os.truncate(self.log_file, 0)  # the process appends to the open file

    async def stop(self, timeout: float) -> None:
        """Sends the stop signal, and SIGKILL after ``timeout`` seconds."""
        if self.process is None or self.process.returncode is not None:
            self.state = "stopped"
            return
        self.process.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), timeout)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        self.state = "stopped"

    def last_words(self) -> str:
        """Returns the last fatal line of the output, or else its last line, to be appended to a sentence."""
        try:
            with self.log_file.open("rb") as output:
                output.seek(max(0, self.log_file.stat().st_size - 4096))
                lines = output.read().decode(errors="replace").strip().splitlines()[-_LAST:]
        except OSError:
            return ""
        reasons = [line for line in lines if any(severity in line for severity in _FATAL)] or lines
        return f": {printable(reasons[-1].strip()[:600])}" if reasons else ""


def describe_exit(code: int) -> str:
    """Returns an exit code in words."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
