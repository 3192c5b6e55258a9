"""One child process: started, watched, started again with growing pauses, stopped."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runtime.supervise import sleep_until_stop
from tailrace.embedded.lifetime import die_with_parent

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 30.0
"""Seconds after which a child counts as healthy again, so that the pauses begin anew."""

_FATAL = ("FATAL: ", "PANIC: ", "[FTL] ")
"""How Postgres and nats-server mark the line that says why they end."""
_LAST = 5
"""Lines of output among which it is looked for: further up it may be about a client's session."""


@dataclass
class Child:
    """A process of ``tailrace up``. Its output goes to ``log_file``."""

    name: str
    command: list[str]
    log_file: Path
    environment: dict[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    state: str = "waiting"
    """What a person should know: waiting, running, starting again, stopped."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    async def start(self) -> None:
        """Starts the process in a session of its own: a Ctrl-C on the terminal is for the parent alone."""
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
        self.state = "running"

    async def watch(self, stop: asyncio.Event, changed: Callable[[str], None]) -> None:
        """Starts the process again whenever it ends, until ``stop``; ``changed`` is told, with a sentence."""
        delay = FIRST_PAUSE
        while True:
            assert self.process is not None
            started = time.monotonic()
            code = await self.process.wait()
            if stop.is_set():
                return
            if time.monotonic() - started > STEADY:
                delay = FIRST_PAUSE
            self.state = "starting again"
            changed(f"{self.name} ended ({describe_exit(code)}{self.last_words()}); starting it again in {delay:g} s")
            await sleep_until_stop(stop, delay)
            if stop.is_set():
                return
            delay = min(delay * 2, LONGEST_PAUSE)
            await self.start()
            changed(f"{self.name} runs again (pid {self.pid})")

    async def stop(self, timeout: float) -> None:
        """Asks the process to end, and ends it after ``timeout`` seconds."""
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
        """Its last fatal line, else its last of all, as a continuation of a sentence; "" where there is none."""
        try:
            with self.log_file.open("rb") as output:
                output.seek(max(0, self.log_file.stat().st_size - 4096))
                lines = output.read().decode(errors="replace").strip().splitlines()[-_LAST:]
        except OSError:
            return ""
        reasons = [line for line in lines if any(severity in line for severity in _FATAL)] or lines
        return f": {reasons[-1].strip()[:600]}" if reasons else ""


def describe_exit(code: int) -> str:
    """An exit code for people."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
