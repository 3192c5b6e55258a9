"""``tailrace`` in processes of its own, forked from one that has every module loaded.

A fork behaves as a user's process does (environment, files, signals, exit code) and saves a second or two of imports.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from runtime.settings import Settings

Stream = IO[Any] | int | None
NO_PROJECTION_SERVICE = "no projection service is active: new events are stored in the log but not counted"
"""The problem that ``tailrace status`` reports for a log and a database without a projection service."""

_context = multiprocessing.get_context("forkserver")
# the fork server does not inherit the tests' sys.path
_context.set_forkserver_preload(
    [
        "pytest",
        "command.service",
        "tailrace.cli.main",
        "tailrace.cli.status",
        "tailrace.cli.tail",
        "projection.service",
        "query.service",
    ]
)


def fork(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """Starts a function in a process of its own, which ends with the test run at the latest."""
    process = _context.Process(target=_call, args=(target, arguments), daemon=True)
    process.start()
    return process


def _call(target: Callable[..., object], arguments: tuple[object, ...]) -> None:
    threading.Thread(target=_end_with_run, daemon=True).start()
    target(*arguments)


def _end_with_run() -> None:
    """Ends this process after the test run, which may be killed without a chance to clean up."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os.kill(os.getpid(), signal.SIGKILL)


class _Descriptor:
    """A file descriptor that is passed to another process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._number),)


def _received(passed: Any) -> int:
    return int(passed.detach())


class TailraceProcess:
    """A running ``tailrace`` with the parts of ``subprocess.Popen`` that tests use."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
    ) -> None:
        self._child_ends: list[int] = []
        child_stdin, self.stdin = self._stream(stdin, 0)
        child_stdout, self.stdout = self._stream(stdout, 1)
        child_stderr, self.stderr = (child_stdout, None) if stderr == subprocess.STDOUT else self._stream(stderr, 2)
        descriptors = [_Descriptor(one) for one in (child_stdin, child_stdout, child_stderr)]
        self._process = fork(_main, arguments, dict(environment), cwd or Path.cwd(), descriptors)
        for one in self._child_ends:
            os.close(one)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def _stream(self, wanted: Stream, number: int) -> tuple[int, IO[bytes] | None]:
        """Returns the child's descriptor, and the test's end of a pipe."""
        if wanted == subprocess.PIPE:
            reads, writes = os.pipe()
            child_end, own_end = (reads, writes) if number == 0 else (writes, reads)
            self._child_ends.append(child_end)
            return child_end, open(own_end, "wb" if number == 0 else "rb", buffering=0 if number == 0 else -1)
        if wanted == subprocess.DEVNULL:
            self._child_ends.append(os.open(os.devnull, os.O_RDWR))
            return self._child_ends[-1], None
        if wanted is None:
            return number, None
        return wanted if isinstance(wanted, int) else wanted.fileno(), None

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("tailrace", timeout)
        return self.returncode

    def communicate(self, given: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Returns all of stdout and stderr once the process has ended."""
        with ThreadPoolExecutor() as readers:
            if self.stdin is not None:
                readers.submit(self._give, given or b"")
            reading = [readers.submit(one.read) if one else None for one in (self.stdout, self.stderr)]
            try:
                stdout, stderr = (one.result(timeout) if one else b"" for one in reading)
                self.wait(timeout)
            except (TimeoutError, subprocess.TimeoutExpired):
                self.kill()
                raise
        self.close()
        return stdout, stderr

    def _give(self, given: bytes) -> None:
        assert self.stdin is not None
        with suppress(BrokenPipeError), self.stdin:
            self.stdin.write(given)

    def close(self) -> None:
        """Closes the pipes."""
        for one in (self.stdin, self.stdout, self.stderr):
            if one is not None:
                one.close()

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "TailraceProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.wait()


def run_to_end(
    arguments: tuple[str, ...], environment: Mapping[str, str], *, given: bytes = b"", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Runs ``tailrace <arguments>`` to its end, with ``given`` on stdin."""
    with TailraceProcess(
        arguments,
        environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    ) as process:
        stdout, stderr = process.communicate(given, timeout=100)
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, stdout.decode(), stderr.decode())


def _main(arguments: tuple[str, ...], environment: dict[str, str], folder: Path, descriptors: list[int]) -> None:
    """Does what ``python -m tailrace`` does."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, received in enumerate(descriptors):
        os.dup2(received, number)
        os.close(received)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["tailrace", *arguments]
    from tailrace.cli.main import main

    main()


def service_environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "TAILRACE_NATS_URL": settings.nats_url,
        "TAILRACE_DATABASE": settings.dsn,
        "TAILRACE_COMMAND_PORT": str(settings.command_port),
        "TAILRACE_QUERY_PORT": str(settings.query_port),
        "TAILRACE_PROJECTION_PORT": str(settings.projection_port),
        "TAILRACE_BATCH_SIZE": str(settings.batch_size),
        "TAILRACE_LIVE_RING": str(settings.live_ring),
    }


def start_service(settings: Settings, *arguments: str, **options: Any) -> TailraceProcess:
    """Starts ``tailrace <arguments>``, which the caller ends."""
    return TailraceProcess(arguments, service_environment(settings), **options)


def run_tailrace(settings: Settings, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs ``tailrace <arguments>`` to its end."""
    return run_to_end(arguments, service_environment(settings) | variables)


@contextmanager
def running_service(settings: Settings, *arguments: str, **variables: str) -> Iterator[TailraceProcess]:
    process = TailraceProcess(arguments, service_environment(settings) | variables)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
