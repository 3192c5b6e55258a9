"""One client's way through the log: its history from a reader of its own, then the shared ring, without a seam."""

import asyncio

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import ForeignHistoryError, LogHoleError, LogUnavailableError
from tailrace.query.live.frames import (
    MAX_EVENTS,
    Item,
    caught_up_text,
    entries_frame,
    gap_frame,
    progress_text,
)
from tailrace.query.live.places import log_ends
from tailrace.query.live.ring import Ring
from tailrace.query.live.tail import Tail
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.reader import LogReader, verify_position

WAIT = 0.25
"""Seconds one read of the history waits for a first entry, until the ring is looked at again."""
PAUSE = 0.5
"""Seconds between tries while the log does not answer."""


class Stream:
    """Frames for one client, from ``position`` on. One task at a time asks for them.

    The client is fed by the ring whenever that continues its position, and by its own reader whenever it doesn't: while
    it reads history, after it was too slow for the ring, and while the ring is of another history. Both count the log's
    sequence, so changing between them neither skips nor repeats.
    """

    def __init__(self, log: LogClient, tail: Tail, position: Cursor, history_end: int) -> None:
        self.position = position
        """What the client has been given."""
        self._log = log
        self._tail = tail
        self._history_end: int | None = history_end
        self._ring: Ring | None = None
        self._verified = False
        self._reader: LogReader | None = None
        self._read: list[Item] = []
        self._broken: ForeignHistoryError | LogHoleError | None = None

    async def next_frame(self) -> str:
        """Waits for the next frame, as long as that takes."""
        while True:
            try:
                text = await self._next()
            except (ForeignHistoryError, LogHoleError) as error:
                self._broken = error
            except LogUnavailableError:
                await asyncio.sleep(PAUSE)
            else:
                if text is not None:
                    return text

    async def close(self) -> None:
        """Ends the reader."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def _next(self) -> str | None:
        if self._broken is not None:
            return await self._step_over(self._broken)
        if self._history_end is not None and self.position.seq >= self._history_end and self._verified:
            self._history_end = None
            return caught_up_text(self.position)
        if self._read:
            return self._from_history()
        if not self._verified or self._tail.ring is not self._ring:
            ring = self._tail.ring
            await verify_position(self._log, self.position)
            self._verified, self._ring = True, ring
            return None
        if self._ring is not None and self._ring.continues(self.position):
            await self.close()
            return await self._from_ring(self._ring)
        await self._read_history()
        return None

    async def _from_ring(self, ring: Ring) -> str | None:
        if ring.end.seq <= self.position.seq:
            beats = self._tail.beats
            await self._tail.changed()
            return progress_text(self.position) if self._tail.beats != beats else None
        frame = ring.frame_behind(self.position)
        self.position = frame.position
        return frame.text

    def _from_history(self) -> str:
        frame = entries_frame(self._read, self.position)
        self.position = frame.position
        self._read = [item for item in self._read if item.cursor.seq > frame.position.seq]
        return frame.text

    async def _read_history(self) -> None:
        if self._reader is None:
            self._reader = LogReader(self._log, self.position)
        entries = await self._reader.read(MAX_EVENTS, WAIT)
        self._read = self._tail.encode(entries, self.position)

    async def _step_over(self, broken: ForeignHistoryError | LogHoleError) -> str:
        """Goes on behind a hole, or from the beginning of what is another log; either way the client is told."""
        await self.close()
        if isinstance(broken, LogHoleError):
            reason = f"the log's entries {broken.first} to {broken.last} are gone"
            resumed_at = Cursor(self.position.epoch, broken.last)
        else:
            reason = broken.what
            ends = await log_ends(self._log)
            resumed_at = Cursor(ends.epoch, 0)
            if self._history_end is not None:
                self._history_end = ends.last_seq
        frame = gap_frame(self.position, resumed_at, reason)
        self._broken, self._verified, self._read = None, False, []
        self.position = frame.position
        return frame.text
