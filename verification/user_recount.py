"""Counts the users of the log again, per quarter hour, hour, day and in all."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from tempfile import TemporaryFile

import msgspec
from pyroaring import BitMap

from contracts.events import Event
from migrations.user_sets import ALL_TYPES, DAY, HOUR, QUARTER, SECONDS, Cell

Sets = dict[Cell, BitMap]
SPILL = 1_000_000
"""Events whose users are in memory; those before are in a temporary file."""
MAX_ORDINAL = 2**32 - 1

_Spilled = list[tuple[int, str, bytes]]
_spilled = msgspec.msgpack.Decoder(_Spilled)


class LedgerUsers:
    """The users of the ledger and their ordinals: 30 bytes each. A user without one gets a number of its own."""

    def __init__(self) -> None:
        self.sharing: dict[int, int] = {}
        """Users whose ordinal another user has, too, and that user."""
        self.missing: dict[int, int] = {}
        """Users that the ledger lacks, by number."""
        self._ids, self._ordinals = array("q"), array("I")
        self._known = BitMap()
        self._numbers: dict[int, int] = {}

    def add(self, user_id: int, ordinal: int) -> None:
        """Adds a user of the ledger; they come in the order of their ids."""
        if not 0 <= ordinal <= MAX_ORDINAL:
            return
        if ordinal in self._known:
            self.sharing[user_id] = self._ids[self._ordinals.index(ordinal)]
        self._known.add(ordinal)
        self._ids.append(user_id)
        self._ordinals.append(ordinal)

    def ordinal(self, user_id: int) -> int:
        """Returns the number that stands for a user."""
        place = bisect_left(self._ids, user_id)
        if place < len(self._ids) and self._ids[place] == user_id:
            return self._ordinals[place]
        if user_id not in self._numbers:
            self._numbers[user_id] = number = MAX_ORDINAL - len(self._numbers)
            self.missing[number] = user_id
        return self._numbers[user_id]

    def name(self, ordinal: int) -> str:
        """Returns the user that a number stands for."""
        if ordinal in self.missing:
            return str(self.missing[ordinal])
        if ordinal not in self._known or ordinal >= len(self._by_ordinal):
            return f"of ordinal {ordinal}"
        return str(self._by_ordinal[ordinal])

    def hash(self, members: BitMap) -> int:
        """Returns the sum of the hashes of users: equal sets under other ordinals have equal ones."""
        hashes, dense = self._hashes, len(self._hashes)
        return sum(hashes[one] if one < dense else _hash(self.name(one)) for one in members)

    @cached_property
    def _by_ordinal(self) -> "array[int]":
        # ordinals are dense, unless someone has changed the table
        size = min(max(self._ordinals, default=-1) + 1, 2 * len(self._ids) + 1_000)
        found = array("q", bytes(8 * size))
        for user_id, ordinal in zip(self._ids, self._ordinals, strict=True):
            if ordinal < size:
                found[ordinal] = user_id
        return found

    @cached_property
    def _hashes(self) -> "array[int]":
        return array("Q", (_hash(self.name(ordinal)) for ordinal in range(len(self._by_ordinal))))


def _hash(user: str) -> int:
    return int.from_bytes(blake2b(user.encode(), digest_size=8).digest())


class UserRecount:
    """The users of the log's events. Takes memory for ``SPILL`` events and for one day's sets, whatever the log has."""

    def __init__(self, users: LedgerUsers) -> None:
        self.users = users
        self.all_time: dict[str, BitMap] = {}
        """Users per event type, as of the last ``spill``."""
        self._quarters: dict[tuple[int, str], array[int]] = {}
        self._waiting = 0
        self._file = TemporaryFile()  # noqa: SIM115 - as long as this object
        self._places: dict[int, list[tuple[int, int]]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Counts the users of events."""
        for event in events:
            if event.user_id is None:
                continue
            key = int(event.created_at.timestamp()) // 900, event.event_type
            users = self._quarters.get(key)
            if users is None:
                users = self._quarters[key] = array("I")
            users.append(self.users.ordinal(event.user_id))
            self._waiting += 1
        if self._waiting >= SPILL:
            self.spill()

    def spill(self) -> None:
        """Moves the users in memory to the file: one record per day."""
        by_day: dict[int, _Spilled] = {}
        for (number, event_type), ordinals in self._quarters.items():
            quarter, members = number * SECONDS[QUARTER], BitMap(ordinals)
            day = quarter - quarter % SECONDS[DAY]
            by_day.setdefault(day, []).append((quarter, event_type, members.serialize()))
            for one in (event_type, ALL_TYPES):
                self.all_time[one] = self.all_time.get(one, BitMap()) | members
        for day, found in by_day.items():
            record = msgspec.msgpack.encode(found)
            self._places.setdefault(day, []).append((self._file.seek(0, 2), self._file.write(record)))
        self._quarters, self._waiting = {}, 0

    @property
    def days(self) -> set[int]:
        """The days with events, as of the last ``spill``: their starts in seconds since 1970."""
        return set(self._places)

    def sets_of(self, day: int) -> Sets:
        """Returns every set of a day that the log asks for."""
        found: Sets = {}
        for start, size in self._places.get(day, []):
            self._file.seek(start)
            for quarter, event_type, members in _spilled.decode(self._file.read(size)):
                add_users(found, quarter, event_type, BitMap.deserialize(members))
        return found


def add_users(sets: Sets, quarter: int, event_type: str, members: BitMap) -> None:
    """Adds users of a quarter hour to every set of its day that they belong to."""
    hour, day = (quarter - quarter % SECONDS[level] for level in (HOUR, DAY))
    cells = [Cell(QUARTER, quarter, event_type)]
    for one in (event_type, ALL_TYPES):
        cells += [Cell(HOUR, hour, one), Cell(DAY, day, one)]
    for cell in cells:
        sets[cell] = sets[cell] | members if cell in sets else members
