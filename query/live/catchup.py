"""Reads stored entries of the log for one client."""

import time

from contracts.cursors import Cursor
from contracts.entries import Gap, gaps_between
from contracts.upcasting import Upcasters
from query.live.encoding import encode_entries
from query.live.frames import Item
from query.live.requests import MAX_EVENTS
from query.live.selection import Selection
from runtime.log.client import READER_LEASE, LogClient
from runtime.log.reader import LogReader
from runtime.log.selecting import NotWholeError, SelectingReader

WAIT = 0.25
"""Seconds that one read waits for a first entry, before the ring is checked again."""


class CatchUpReader:
    """Reads the selected items after ``position``. One task reads at a time.

    If event types are selected, the log's server skips the others, up to the current end of the log. A skipped entry
    cannot be checked, so this needs a log without unrecorded holes; otherwise every entry is read.
    """

    def __init__(self, log: LogClient, position: Cursor, selection: Selection, upcasters: Upcasters) -> None:
        self._log = log
        self._selection = selection
        self._subjects = selection.subjects
        self._upcasters = upcasters
        self._last_read = time.monotonic()
        self._reader: LogReader | SelectingReader
        self._reader = SelectingReader(log, position, self._subjects) if self._subjects else LogReader(log, position)

    async def read(self) -> tuple[list[Item], Cursor]:
        """Returns the next selected items, and the position after everything read.

        Raises:
            ForeignHistoryError: the position belongs to another log.
            LostEntriesError: the next entry is lost.
            LogUnavailableError: the log does not answer; the next call continues at the same position.
        """
        if time.monotonic() - self._last_read > READER_LEASE / 2:
            await self._reader.close()  # the server may have dropped the consumer of a slow or paused client
        reader, before = self._reader, self._reader.position
        try:
            entries = await reader.read(MAX_EVENTS, WAIT)
        except NotWholeError:
            self._reader = LogReader(self._log, before)
            return [], before
        self._last_read = time.monotonic()
        after = reader.position
        if isinstance(reader, LogReader):
            gaps = gaps_between(before.seq, entries)
        else:
            passed = (Gap(max(gap.first, before.seq + 1), gap.last) for gap in reader.gaps if gap.last <= after.seq)
            gaps = [gap for gap in passed if gap.first <= gap.last]
            if reader.finished:
                await self._continue(before, after)
        items = encode_entries(entries, gaps, after.epoch, self._upcasters)
        return [item for item in items if self._selection.selects(item)], after

    async def close(self) -> None:
        """Deletes the reader's consumer."""
        await self._reader.close()

    async def _continue(self, before: Cursor, after: Cursor) -> None:
        await self._reader.close()
        if after.seq > before.seq:
            self._reader = SelectingReader(self._log, after, self._subjects)
        else:  # at the end of the log, wait for entries instead of polling for them
            self._reader = LogReader(self._log, after)
