"""Child processes of a benchmark: this program's services and commands, as users run them."""

import asyncio
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from contracts.errors import TailraceError
from tailrace.embedded.lifetime import die_with_parent
from tailrace.up.child import describe_exit

STOP_TIMEOUT = 10.0
MEMORY_POLL = 0.1
TAILRACE = (sys.executable, "-m", "tailrace")


class Program:
    """One process. What it prints is kept in files, its memory's peak is read while it runs."""

    def __init__(self, command: list[str], environment: dict[str, str], files: Path, name: str = "") -> None:
        self.name = name or " ".join(word for word in command[len(TAILRACE) :] if "://" not in word)
        self.peak_memory = 0
        """Bytes of resident memory; what the last moment of the process added may be missing."""
        self._command = command
        self._environment = environment
        self._output = files.with_suffix(".out")
        self._errors = files.with_suffix(".err")
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._started = 0.0

    async def start(self) -> None:
        """Starts it."""
        self._started = time.monotonic()
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        self._watching = asyncio.create_task(self._watch_memory())

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    @property
    def memory(self) -> int:
        """Bytes of resident memory now.

        Raises:
            TailraceError: it has ended.
        """
        try:
            resident: int = psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            self.check()
            raise TailraceError(f"`{self.name}` has ended") from None
        return resident

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        assert self._process is not None
        return self._process.returncode

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def check(self) -> None:
        """Makes sure that it has not failed.

        Raises:
            TailraceError: it has; says with what words.
        """
        if self.returncode:
            words = self._errors.read_text().strip() or "it said nothing"
            raise TailraceError(f"`{self.name}` ended ({describe_exit(self.returncode)}): {words}")

    async def wait(self, timeout: float) -> float:
        """Waits for its end, and returns how many seconds after its start that was.

        Raises:
            TailraceError: it doesn't end in ``timeout`` seconds.
        """
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), timeout)
        except TimeoutError:
            raise TailraceError(f"`{self.name}` has not ended after {timeout:.0f} s") from None
        return time.monotonic() - self._started

    async def kill(self) -> None:
        """Ends it as kill -9 does."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._ended()

    async def stop(self) -> None:
        """Asks it to end, and ends it if it doesn't."""
        assert self._process is not None
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)
        await self.kill()

    async def _ended(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def _watch_memory(self) -> None:
        # what the kernel reports of a child that has ended (ru_maxrss) includes its parent's memory at the fork
        assert self._process is not None
        while self._process.returncode is None:
            with suppress(OSError, ValueError):
                self.peak_memory = max(self.peak_memory, _peak_memory(self._process.pid))
            await asyncio.sleep(MEMORY_POLL)


def allow_open_files(needed: int) -> None:
    """Lets this process and those that it starts from now on have so many files and connections open at once.

    Raises:
        TailraceError: the system doesn't allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TailraceError(f"{needed:,} files have to be open at once, but only {hard:,} may be: raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]  # none where the process has ended
    return int(line.split()[1]) * 1024
