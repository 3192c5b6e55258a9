"""A folder in memory for the files of a run: its servers make and remove hundreds of thousands."""

import os
import tempfile
from multiprocessing.util import get_temp_dir
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
ROOM = 8 * 1024**3
"""Bytes that have to be free: a run takes about an eighth of them."""


def make_tmpfs_folder() -> Path | None:
    """A new folder, where files in memory can be had, may be run, and there is room; None elsewhere."""
    if not hasattr(os, "statvfs") or not os.access(SHARED_MEMORY, os.W_OK):
        return None
    found = os.statvfs(SHARED_MEMORY)
    room = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    if room < ROOM or found.f_flag & os.ST_NOEXEC:
        return None
    folder = Path(tempfile.mkdtemp(prefix="tailrace-tests-", dir=SHARED_MEMORY))
    folder.chmod(0o755)  # some of what runs here is another user's
    return folder


def use_as_tmpdir(folder: Path) -> None:
    """Has this process and all that it starts put temporary files there."""
    get_temp_dir()  # multiprocessing's own, of this process, is somewhere else: it looks for that after the run
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
