"""The data folder: its lock, and the processes that a killed run left behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from contracts.errors import ConfigurationError, ConflictError
from tailrace.embedded.postgres import running_pid
from tailrace.endpoints import endpoints_file, read_endpoints

POSTGRES = "postgres"
"""Postgres' folder in the data folder."""
LEFTOVER_TIMEOUT = 10.0


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Creates the folder, readable by its owner only, and locks it for this process.

    Raises:
        ConfigurationError: it can't be created or written.
        ConflictError: another run has locked it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        # of root's run, Postgres runs as another user, which has to pass through
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("logs", "nats"):
            (data_dir / name).mkdir(exist_ok=True)
            (data_dir / name).chmod(0o700)
        lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"the data folder {data_dir} can't be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        found = read_endpoints(data_dir)
        where = f" (see {found.query})" if found else ""
        raise ConflictError(
            f"Tailrace already runs in {data_dir}{where}: stop it, or choose another folder with --data-dir"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            endpoints_file(data_dir).unlink(missing_ok=True)
        os.close(lock)


def end_leftovers(data_dir: Path) -> None:
    """Stops the processes that a killed run left behind; children normally exit with their parent.

    Raises:
        ConflictError: one of them does not exit.
    """
    found = read_endpoints(data_dir)
    left = [process for pid in (found.pids.values() if found else []) if (process := _ours(pid, data_dir))]
    holder = running_pid(data_dir / POSTGRES)
    if holder is not None:
        with suppress(psutil.NoSuchProcess):
            left.append(psutil.Process(holder))
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(2 if process.pid == holder else 15)
    _, alive = psutil.wait_procs(left, timeout=LEFTOVER_TIMEOUT)
    if alive:
        pids = ", ".join(str(process.pid) for process in alive)
        raise ConflictError(f"processes of an earlier run in {data_dir} do not exit: {pids}; stop them with kill -9")
    endpoints_file(data_dir).unlink(missing_ok=True)


def _ours(pid: int, data_dir: Path) -> psutil.Process | None:
    # the pid may belong to another process by now: ours name the folder or this program
    try:
        process = psutil.Process(pid)
        words = " ".join(process.cmdline())
    except psutil.Error:
        return None
    return process if str(data_dir.resolve()) in words or " -m tailrace " in words else None
