"""What was read for one client and not sent yet."""

import time
from collections import deque
from collections.abc import Iterable

from contracts.cursors import Cursor
from query.live.frames import Item
from query.live.history import History
from query.live.selection import Selection
from query.live.tail import Tail
from runtime.log.client import READER_LEASE, LogClient


class Backlog:
    """Items that are wanted, and the position that was read up to. One task uses it at a time."""

    def __init__(self, log: LogClient, tail: Tail) -> None:
        self.items: deque[Item] = deque()
        self._log = log
        self._tail = tail
        self._history: History | None = None
        self._asked = 0.0
        self._reached: Cursor | None = None

    def add(self, items: Iterable[Item], reached: Cursor) -> None:
        """Adds items of a stretch that ends at ``reached``."""
        self.items.extend(items)
        self._reached = reached

    async def read(self, position: Cursor, selection: Selection) -> None:
        """Reads on from the log. Always from one position on, until ``forget`` or ``stop_reading``.

        Raises:
            ForeignHistoryError: the log is not the one the position was taken from.
            LostEntriesError: the next entry is gone for good.
            LogUnavailableError: the log does not answer.
        """
        if self._history is not None and time.monotonic() - self._asked > READER_LEASE / 2:
            await self.stop_reading()  # so slow is a pace, or so long a pause, that the server may have forgotten it
        if self._history is None:
            self._history = History(self._log, self._tail, position, selection)
        self.add(*await self._history.read())
        self._asked = time.monotonic()

    def take_until(self, position: Cursor) -> None:
        """Lets the items go up to a position: they were sent."""
        while self.items and self.items[0].cursor.seq <= position.seq:
            self.items.popleft()

    def reached(self, position: Cursor) -> Cursor:
        """Where a client at ``position`` is that has been sent all items."""
        reached, self._reached = self._reached, None
        return reached or position

    async def forget(self) -> None:
        """Forgets what was read."""
        self.items.clear()
        self._reached = None
        await self.stop_reading()

    async def stop_reading(self) -> None:
        """Ends the reader; the next one is another."""
        if self._history is not None:
            history, self._history = self._history, None
            await history.close()
