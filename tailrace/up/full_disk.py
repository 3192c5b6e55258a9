"""Restarts a NATS server that stores nothing although its disk has room again: JetStream remembers the error."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import httpx

from command.appender import STORES_NOTHING
from tailrace.up.child import Child

INTERVAL = 5.0
"""Seconds between checks."""
ROOM = 16 * 1024**2
"""Free bytes with which NATS can continue: two of its files."""


class FullDisk:
    """Watches the command service for a log that stores nothing."""

    def __init__(self, nats: Child, data_dir: Path, command_url: str) -> None:
        """``data_dir`` has the files of the server ``nats``."""
        self._nats = nats
        self._data_dir = data_dir
        self._url = f"{command_url}/health/ready"
        self._checked_at = -INTERVAL

    async def check(self) -> str | None:
        """Ends a server that needs a restart, which its watcher then does. Returns what happened, or None."""
        if time.monotonic() - self._checked_at < INTERVAL or self._nats.process is None or self._nats.pid is None:
            return None
        self._checked_at = time.monotonic()
        if not await self._stores_nothing():
            return None
        free = shutil.disk_usage(self._data_dir).free
        if free < ROOM:
            return f"NATS stores nothing, since its disk is full ({free / 1e6:,.0f} MB free): free disk space"
        self._nats.process.terminate()
        return f"NATS stores nothing although its disk has {free / 1e6:,.0f} MB free again: restarting it"

    async def _stores_nothing(self) -> bool:
        async with httpx.AsyncClient(timeout=1, trust_env=False, verify=False) as http:
            with suppress(httpx.HTTPError):
                return STORES_NOTHING in (await http.get(self._url)).text
        return False
