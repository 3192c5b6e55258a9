"""File systems in memory that become full and get room again. They need root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError

SIZE = 8 * 1024**3
"""Bytes that a file system may hold; it takes memory only for its files."""
LEFT = 64 * 1024
"""Free bytes of a full one."""


@dataclass(frozen=True)
class Disk:
    """A mounted file system."""

    folder: Path

    def fill(self) -> None:
        """Leaves almost no room."""
        self._resize(shutil.disk_usage(self.folder).used + LEFT)

    def empty(self) -> None:
        """Gives the room back."""
        self._resize(SIZE)

    def _resize(self, size: int) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.folder))


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """Mounts a file system at ``folder`` while the block runs.

    Raises:
        ConfigurationError: this user or machine can't.
    """
    if os.geteuid() != 0 or shutil.which("mount") is None:
        raise ConfigurationError("a file system of its own needs root and mount")
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ConfigurationError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
