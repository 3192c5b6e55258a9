"""Reads stored entries of the log for one client."""

import asyncio
import time

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.upcasting import Upcasters
from query.live.encoding import encode_entries
from query.live.frames import Item
from query.live.selection import Selection
from runtime.log.client import READER_LEASE, LogClient
from runtime.log.reader import LogReader

READ = 512
"""Entries of one read: two frames."""
WAIT = 0.25
"""Seconds that one read waits for a first entry, before the ring is checked again."""

_Read = tuple[list[LogEntry], list[Gap], Cursor]


class CatchUpReader:
    """Reads the selected items after ``position``. One task reads at a time.

    If event types are selected, the log's server skips the others as far as that is safe. While the client receives
    what was read, the next entries are read ``ahead``.
    """

    def __init__(
        self, log: LogClient, position: Cursor, selection: Selection, upcasters: Upcasters, *, ahead: bool
    ) -> None:
        self._selection = selection
        self._upcasters = upcasters
        self._last_read = time.monotonic()
        self._reader = LogReader(log, position, selection.subjects)
        self._reads_ahead = ahead
        self._next: asyncio.Task[_Read] | None = None

    async def read(self) -> tuple[list[Item], Cursor]:
        """Returns the next selected items, and the position after everything read.

        Raises:
            ForeignHistoryError: the position belongs to another log.
            LostEntriesError: the next entry is lost.
            LogUnavailableError: the log does not answer; the next call continues at the same position.
        """
        reading, self._next = self._next or self._read(), None
        entries, gaps, after = await reading
        if self._reads_ahead and entries:
            self._next = asyncio.create_task(self._read())
        items = encode_entries(entries, gaps, after.epoch, self._upcasters)
        if not self._selection.selects_all:
            items = [item for item in items if self._selection.selects(item)]
        return items, after

    async def _read(self) -> _Read:
        if time.monotonic() - self._last_read > READER_LEASE / 2:
            await self._reader.close()  # the server may have dropped the consumer of a slow or paused client
        entries = await self._reader.read(READ, WAIT)
        self._last_read = time.monotonic()
        return entries, self._reader.gaps, self._reader.position

    async def close(self) -> None:
        """Deletes the reader's consumer."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
            self._next = None
        await self._reader.close()
