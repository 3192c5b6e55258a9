"""The latest entries of the log, encoded once for all clients."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from contracts.cursors import Cursor, fingerprints_agree
from query.live.frames import Frame, Item, entries_frame
from query.live.requests import MAX_EVENTS
from query.live.selection import EVERYTHING, Selection

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of a ring's events: a single one may have 32 KiB."""
MAX_SHARED_BYTES = 16 * 1024 * 1024
"""Bytes of the cached frames; the least recently used are dropped."""
MAX_SHARED = 1_000
"""Number of cached frames: small ones, and positions without a frame, are bounded too."""
MAX_SCANNED = 2_000
"""Items that one call searches for selected events, so that other clients get their turn."""

_Key = tuple[Cursor, Selection, int, int | None]


class Ring:
    """Up to ``size`` entries after ``start``, including gaps. Another history needs another ring."""

    def __init__(self, start: Cursor, size: int) -> None:
        self.start = start
        self.end = start
        """The position after the last item."""
        self.first_seq = start.seq + 1
        """The first sequence in the ring; of an empty ring, the next one."""
        self._size = size
        self._items: dict[int, Item] = {}  # by the last sequence of the item
        self._jumps: dict[int, int] = {}  # from the sequence before a gap to its last sequence
        self._bytes = 0
        self._shared: OrderedDict[_Key, Frame | Cursor] = OrderedDict()  # most recently used last
        self.shared_bytes = 0
        """Bytes of the cached frames."""

    def extend(self, items: Sequence[Item]) -> None:
        """Appends the next items, and drops the oldest beyond the limits."""
        for item in items:
            if item.cursor.seq > self.end.seq + 1:
                self._jumps[self.end.seq] = item.cursor.seq
            self._items[item.cursor.seq] = item
            self._bytes += len(item.json)
            self.end = item.cursor
        while len(self._items) > self._size or self._bytes > MAX_BYTES:
            oldest = self._jumps.pop(self.first_seq - 1, self.first_seq)
            self._bytes -= len(self._items.pop(oldest).json)
            self.first_seq = oldest + 1
        self._shared.clear()
        self.shared_bytes = 0

    def continues(self, position: Cursor) -> bool:
        """Returns whether a client at ``position`` can continue from the ring without missing an entry.

        An entry of the ring at the position must have the same fingerprint: the log may have been restored meanwhile.
        """
        if position.epoch != self.start.epoch or position.seq + 1 < self.first_seq:
            return False
        if position.seq == self.start.seq:
            return fingerprints_agree(position.fingerprint, self.start.fingerprint)
        item = self._items.get(position.seq)
        if item is None:  # dropped, or not received yet; within a gap the ring has nothing either
            return position.seq < self.first_seq or position.seq > self.end.seq
        return fingerprints_agree(position.fingerprint, item.cursor.fingerprint)

    def frame_after(
        self,
        position: Cursor,
        selection: Selection = EVERYTHING,
        limit: int = MAX_EVENTS,
        last_seq: int | None = None,
    ) -> Frame | Cursor:
        """Returns the next frame for a client at ``position``, which must precede ``end``.

        It has at most ``limit`` events, none after ``last_seq``. If none of the next items is selected, the result is
        the position after them. Clients with equal arguments share the result.
        """
        key = (position, selection, limit, last_seq)
        found = self._shared.get(key)
        if found is not None:
            self._shared.move_to_end(key)
            return found
        made = self._make_frame(*key)
        self._share(key, made)
        return made

    def _make_frame(self, position: Cursor, selection: Selection, limit: int, last_seq: int | None) -> Frame | Cursor:
        items = self._after(position.seq)
        if last_seq is not None:
            items = takewhile(lambda item: item.cursor.seq <= last_seq, items)
        if selection.selects_all:
            return entries_frame(items, position, limit)
        scanned = list(islice(items, MAX_SCANNED))
        selected = [item for item in scanned if selection.selects(item)]
        return entries_frame(selected, position, limit) if selected else scanned[-1].cursor

    def _share(self, key: _Key, made: Frame | Cursor) -> None:
        self._shared[key] = made
        self.shared_bytes += _size(made)
        while len(self._shared) > MAX_SHARED or self.shared_bytes > MAX_SHARED_BYTES:
            _, oldest = self._shared.popitem(last=False)
            self.shared_bytes -= _size(oldest)

    def _after(self, seq: int) -> Iterator[Item]:
        while seq < self.end.seq:
            seq = self._jumps.get(seq, seq + 1)
            yield self._items[seq]


def _size(made: Frame | Cursor) -> int:
    return len(made.data) if isinstance(made, Frame) else 0
