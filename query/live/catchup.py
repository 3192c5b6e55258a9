"""Reads stored entries of the log for one client."""

import time

from contracts.cursors import Cursor
from contracts.upcasting import Upcasters
from query.live.encoding import encode_entries
from query.live.frames import Item
from query.live.requests import MAX_EVENTS
from query.live.selection import Selection
from runtime.log.client import READER_LEASE, LogClient
from runtime.log.reader import LogReader

WAIT = 0.25
"""Seconds that one read waits for a first entry, before the ring is checked again."""


class CatchUpReader:
    """Reads the selected items after ``position``. One task reads at a time.

    If event types are selected, the log's server skips the others as far as that is safe.
    """

    def __init__(self, log: LogClient, position: Cursor, selection: Selection, upcasters: Upcasters) -> None:
        self._selection = selection
        self._upcasters = upcasters
        self._last_read = time.monotonic()
        self._reader = LogReader(log, position, selection.subjects)

    async def read(self) -> tuple[list[Item], Cursor]:
        """Returns the next selected items, and the position after everything read.

        Raises:
            ForeignHistoryError: the position belongs to another log.
            LostEntriesError: the next entry is lost.
            LogUnavailableError: the log does not answer; the next call continues at the same position.
        """
        if time.monotonic() - self._last_read > READER_LEASE / 2:
            await self._reader.close()  # the server may have dropped the consumer of a slow or paused client
        entries = await self._reader.read(MAX_EVENTS, WAIT)
        self._last_read = time.monotonic()
        after = self._reader.position
        items = encode_entries(entries, self._reader.gaps, after.epoch, self._upcasters)
        if not self._selection.selects_all:
            items = [item for item in items if self._selection.selects(item)]
        return items, after

    async def close(self) -> None:
        """Deletes the reader's consumer."""
        await self._reader.close()
