"""``tailrace`` in processes of its own, forked from one that has everything loaded.

What a test asks of them is what somebody's own process does: environment, files, signals, exit code. What they spare is
a second or two of imports each.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from runtime.log.connect import reader_libraries

Stream = IO[Any] | int | None

_context = multiprocessing.get_context("forkserver")
# the server of the forks does not have the tests' own path
_context.set_forkserver_preload(
    [
        "pytest",
        "command.service",
        "tailrace.cli",
        "tailrace.status.display",
        "tailrace.tailing.display",
        "projection.service",
        "query.service",
        "runtime.log.natsio_client",
    ]
)


def fork(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """Starts a function in a process of its own, which ends with the test run if nobody ends it before."""
    process = _context.Process(target=_call, args=(target, arguments), daemon=True)
    process.start()
    return process


def _call(target: Callable[..., object], arguments: tuple[object, ...]) -> None:
    _forget_identifiers()
    threading.Thread(target=_end_with_run, daemon=True).start()
    target(*arguments)


def _forget_identifiers() -> None:
    """natsio counts its inboxes on from a start drawn at its import: forks would get one another's answers."""
    if "natsio" in reader_libraries():
        from natsio._internal import nuid  # only importable from Python 3.13 on

        nuid._GLOBAL = nuid.NUID()


def _end_with_run() -> None:
    """Waits for the end of the test run, which may have been killed: nobody else would end this process then."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os.kill(os.getpid(), signal.SIGKILL)


class _Descriptor:
    """A file descriptor that goes along to another process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._number),)


def _received(passed: Any) -> int:
    return int(passed.detach())


class Tailrace:
    """A running ``tailrace``, with those parts of ``subprocess.Popen`` that tests use."""

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
        self._theirs: list[int] = []
        given, self.stdin = self._stream(stdin, 0)
        said, self.stdout = self._stream(stdout, 1)
        complained, self.stderr = (said, None) if stderr == subprocess.STDOUT else self._stream(stderr, 2)
        descriptors = [_Descriptor(one) for one in (given, said, complained)]
        self._process = fork(_main, arguments, dict(environment), cwd or Path.cwd(), descriptors)
        for one in self._theirs:
            os.close(one)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def _stream(self, wanted: Stream, number: int) -> tuple[int, IO[bytes] | None]:
        """What the process gets as its descriptor, and the other end of a pipe."""
        if wanted == subprocess.PIPE:
            reads, writes = os.pipe()
            theirs, ours = (reads, writes) if number == 0 else (writes, reads)
            self._theirs.append(theirs)
            return theirs, open(ours, "wb" if number == 0 else "rb", buffering=0 if number == 0 else -1)
        if wanted == subprocess.DEVNULL:
            self._theirs.append(os.open(os.devnull, os.O_RDWR))
            return self._theirs[-1], None
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
        """What it says, and what it complains of, to its end."""
        with ThreadPoolExecutor() as readers:
            if self.stdin is not None:
                readers.submit(self._give, given or b"")
            reading = [readers.submit(one.read) if one else None for one in (self.stdout, self.stderr)]
            try:
                said, complained = (one.result(timeout) if one else b"" for one in reading)
                self.wait(timeout)
            except (TimeoutError, subprocess.TimeoutExpired):
                self.kill()
                raise
        self.close()
        return said, complained

    def _give(self, given: bytes) -> None:
        assert self.stdin is not None
        with suppress(BrokenPipeError), self.stdin:
            self.stdin.write(given)

    def close(self) -> None:
        """Closes the pipes to it."""
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

    def __enter__(self) -> "Tailrace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.wait()


def run_to_end(
    arguments: tuple[str, ...], environment: Mapping[str, str], *, given: bytes = b"", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Runs ``tailrace <arguments>`` with something to read."""
    with Tailrace(
        arguments,
        environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    ) as process:
        said, complained = process.communicate(given, timeout=100)
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, said.decode(), complained.decode())


def _main(arguments: tuple[str, ...], environment: dict[str, str], folder: Path, descriptors: list[int]) -> None:
    """Is what ``python -m tailrace`` is."""
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
    from tailrace.cli import main

    main()
