"""The latest entries of the log, encoded once for all clients."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice

from contracts.cursors import Cursor, fingerprints_agree
from query.live.frames import MAX_EVENTS, Frame, Item, entries_frame
from query.live.selection import EVERYTHING, Selection

MAX_CHARS = 64 * 1024 * 1024
"""Characters a ring keeps at most, however few events that is: an event may be 32 KiB."""

MAX_SHARED_CHARS = 16 * 1024 * 1024
"""Characters of the frames that are kept for whoever asks at the same place; what was asked for longest ago goes."""
MAX_SHARED = 1_000
"""How many they are at most: one may be short, or say only that there is nothing."""

LOOKED_AT = 2_000
"""Items that are looked at in one go for those that a client wants: others have their turn in between."""

_Asked = tuple[Cursor, Selection, int]


class Ring:
    """Up to ``size`` entries behind ``start``, gaps among them. Another history gets another ring."""

    def __init__(self, start: Cursor, size: int) -> None:
        self.start = start
        self.end = start
        """The position of whoever has seen everything the ring has."""
        self.first_seq = start.seq + 1
        """The first that it holds, or the next that comes."""
        self._size = size
        self._items: dict[int, Item] = {}  # by the sequence at which a client is that has it
        self._jumps: dict[int, int] = {}  # from the sequence before a gap to its last
        self._chars = 0
        self._shared: OrderedDict[_Asked, Frame | Cursor] = OrderedDict()  # the latest asked for at the end
        self.shared_chars = 0
        """Characters of the frames that are kept."""

    def extend(self, items: Sequence[Item]) -> None:
        """Adds the next entries and lets the oldest go."""
        for item in items:
            if item.cursor.seq > self.end.seq + 1:
                self._jumps[self.end.seq] = item.cursor.seq
            self._items[item.cursor.seq] = item
            self._chars += len(item.event)
            self.end = item.cursor
        while len(self._items) > self._size or self._chars > MAX_CHARS:
            oldest = self._jumps.pop(self.first_seq - 1, self.first_seq)
            self._chars -= len(self._items.pop(oldest).event)
            self.first_seq = oldest + 1
        self._shared.clear()
        self.shared_chars = 0

    def continues(self, position: Cursor) -> bool:
        """Whether a client at ``position`` can go on from here and misses nothing.

        Where the ring knows the entry at the position, it has to be the same: the log may have been put back meanwhile.
        """
        if position.epoch != self.start.epoch or position.seq + 1 < self.first_seq:
            return False
        if position.seq == self.start.seq:
            return fingerprints_agree(position.fingerprint, self.start.fingerprint)
        item = self._items.get(position.seq)
        if item is None:  # it went, or is still to come; or the position is within a gap
            return position.seq < self.first_seq or position.seq > self.end.seq
        return fingerprints_agree(position.fingerprint, item.cursor.fingerprint)

    def frame_behind(
        self, position: Cursor, selection: Selection = EVERYTHING, limit: int = MAX_EVENTS
    ) -> Frame | Cursor:
        """The next frame for a client at ``position``, which has to be before ``end``, of at most ``limit`` events.

        Where what follows holds nothing for it, the position behind that. Made once for all who ask the same.
        """
        asked = (position, selection, limit)
        found = self._shared.get(asked)
        if found is not None:
            self._shared.move_to_end(asked)
            return found
        made = self._make_frame(*asked)
        self._keep(asked, made)
        return made

    def items_behind(self, position: Cursor) -> list[Item]:
        """The next items, a bounded number."""
        return list(islice(self._behind(position.seq), LOOKED_AT))

    def _make_frame(self, position: Cursor, selection: Selection, limit: int) -> Frame | Cursor:
        if selection.wants_all:
            return entries_frame(self._behind(position.seq), position, limit)
        items = self.items_behind(position)
        wanted = [item for item in items if selection.wants(item)]
        return entries_frame(wanted, position, limit) if wanted else items[-1].cursor

    def _keep(self, asked: _Asked, made: Frame | Cursor) -> None:
        self._shared[asked] = made
        self.shared_chars += _chars(made)
        while len(self._shared) > MAX_SHARED or self.shared_chars > MAX_SHARED_CHARS:
            _, oldest = self._shared.popitem(last=False)
            self.shared_chars -= _chars(oldest)

    def _behind(self, seq: int) -> Iterator[Item]:
        while seq < self.end.seq:
            seq = self._jumps.get(seq, seq + 1)
            yield self._items[seq]


def _chars(made: Frame | Cursor) -> int:
    return len(made.text) if isinstance(made, Frame) else 0
