"""A folder in memory for a run's files: its servers create and remove hundreds of thousands."""

import os
import tempfile
from multiprocessing.util import get_temp_dir
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
ROOM = 8 * 1024**3
"""Bytes that must be free; a run uses about an eighth of them."""


def make_tmpfs_folder() -> Path | None:
    """Creates a folder in memory; returns None without a writable, executable tmpfs with enough room."""
    if not hasattr(os, "statvfs") or not os.access(SHARED_MEMORY, os.W_OK):
        return None
    found = os.statvfs(SHARED_MEMORY)
    room = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    if room < ROOM or found.f_flag & os.ST_NOEXEC:
        return None
    folder = Path(tempfile.mkdtemp(prefix="tailrace-tests-", dir=SHARED_MEMORY))
    folder.chmod(0o755)  # some processes run as another user
    return folder


def use_as_tmpdir(folder: Path) -> None:
    """Makes this process and its children use a folder for temporary files."""
    get_temp_dir()  # creates multiprocessing's own folder elsewhere, because it is used until the very end
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
