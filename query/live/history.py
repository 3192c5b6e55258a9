"""What the log holds behind a position, read for one client."""

from typing import NamedTuple

from contracts.cursors import Cursor
from contracts.entries import Gap, gaps_between
from query.live.frames import MAX_EVENTS, Item
from query.live.selection import Selection
from query.live.tail import Tail
from runtime.log.client import LogClient
from runtime.log.reader import LogReader
from runtime.log.selecting import NotWholeError, SelectingReader

WAIT = 0.25
"""Seconds one read waits for a first entry, until the ring is looked at again."""


class Stretch(NamedTuple):
    """The items that are wanted of a stretch of the log, and the position at its end."""

    items: list[Item]
    end: Cursor


class History:
    """Reads on from a position. One task reads at a time.

    Where event types are asked for, the log's server passes over the others, up to the end that the log has then. What
    is passed over isn't seen, so this is for a log that is whole; else all of it is read.
    """

    def __init__(self, log: LogClient, tail: Tail, position: Cursor, selection: Selection) -> None:
        self._log = log
        self._tail = tail
        self._selection = selection
        self._subjects = selection.subjects
        self._reader: LogReader | SelectingReader
        self._reader = SelectingReader(log, position, self._subjects) if self._subjects else LogReader(log, position)

    async def read(self) -> Stretch:
        """The next stretch; where nothing is there, one without an item that ends where it began.

        Raises:
            ForeignHistoryError: the log is not the one the position was taken from.
            LostEntriesError: the next entry is gone for good.
            LogUnavailableError: the log does not answer; calling again goes on where it was.
        """
        reader, behind = self._reader, self._reader.position
        try:
            entries = await reader.read(MAX_EVENTS, WAIT)
        except NotWholeError:
            self._reader = LogReader(self._log, behind)
            return Stretch([], behind)
        reached = reader.position
        if isinstance(reader, LogReader):
            gaps = gaps_between(behind.seq, entries)
        else:
            passed = (Gap(max(gap.first, behind.seq + 1), gap.last) for gap in reader.gaps if gap.last <= reached.seq)
            gaps = [gap for gap in passed if gap.first <= gap.last]
            if reader.finished:
                await self._go_on(behind, reached)
        items = self._tail.encode(entries, reached.epoch, gaps)
        return Stretch([item for item in items if self._selection.wants(item)], reached)

    async def close(self) -> None:
        """Ends the reader."""
        await self._reader.close()

    async def _go_on(self, behind: Cursor, reached: Cursor) -> None:
        await self._reader.close()
        if reached.seq > behind.seq:
            self._reader = SelectingReader(self._log, reached, self._subjects)
        else:  # at the log's end what comes is waited for, not asked for
            self._reader = LogReader(self._log, reached)
