"""Sets of users: roaring bitmaps of ordinals per level, bucket and event type, and the packed users of recent batches.

A quarter hour, an hour and a day are the levels of a range; ``ALL`` is all time. Readers add the recent batches
(``set_log``), which are merged into the bitmaps from time to time.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import compress
from typing import NamedTuple, TypeVar

from pyroaring import BitMap

ALL, DAY, HOUR, QUARTER = range(4)
SECONDS = {DAY: 86_400, HOUR: 3_600, QUARTER: 900}
ALL_TYPES = ""
"""No event type is empty: this one stands for all of them."""


class Cell(NamedTuple):
    """One set of users; ``bucket`` is its start in seconds since 1970, 0 for all time."""

    level: int
    bucket: int
    event_type: str


Cells = dict[Cell, BitMap]
_Key = TypeVar("_Key")


class Part(NamedTuple):
    """Whole buckets of a level, from ``start`` up to ``end`` (seconds since 1970)."""

    level: int
    start: int
    end: int


class Cover(NamedTuple):
    """How to read a range: whole buckets, and the rest as ranges of single events."""

    parts: list[Part]
    rests: list[tuple[datetime, datetime]]


def known_users(ordinals: Sequence[int | None]) -> Sequence[int]:
    """Returns the ordinals of events without those that have no user."""
    return [one for one in ordinals if one is not None]


def pack_users(
    created_at: Sequence[datetime], event_types: Sequence[str], ordinals: Sequence[int | None]
) -> tuple[list[str], bytes]:
    """Packs the users of a batch's events: the types, and 12 bytes per event. Events without a user are left out."""
    users = known_users(ordinals)
    if len(users) < len(ordinals):
        has_user = [one is not None for one in ordinals]
        created_at, event_types = list(compress(created_at, has_user)), list(compress(event_types, has_user))
    numbers = {event_type: number for number, event_type in enumerate(dict.fromkeys(event_types))}
    columns = (
        array("I", [int(time.timestamp()) // SECONDS[QUARTER] for time in created_at]),
        array("I", [numbers[event_type] for event_type in event_types]),
        array("I", users),
    )
    return list(numbers), b"".join(columns)


def unpack_users(event_types: Sequence[str], packed: bytes) -> Iterator[tuple[int, str, int]]:
    """Yields (start of the quarter hour, event type, ordinal) of packed users."""
    third = len(packed) // 3
    quarters, types, ordinals = array("I", packed[:third]), array("I", packed[third:-third]), array("I")
    ordinals.frombytes(packed[-third:])
    for quarter, number, ordinal in zip(quarters, types, ordinals, strict=True):
        yield quarter * SECONDS[QUARTER], event_types[number], ordinal


def cells_of(users: Iterable[tuple[int, str, int]]) -> Cells:
    """Returns every set that unpacked users belong to."""
    quarters: dict[tuple[int, str], list[int]] = {}
    for bucket, event_type, ordinal in users:
        key = bucket, event_type
        if key in quarters:
            quarters[key].append(ordinal)
        else:
            quarters[key] = [ordinal]
    cells: Cells = {}
    sets = {key: BitMap(ordinals) for key, ordinals in quarters.items()}
    cells.update((Cell(QUARTER, *key), members) for key, members in sets.items())
    # each level from the finer one, which has far fewer sets than there are quarter hours
    for level in (HOUR, DAY, ALL):
        seconds = SECONDS.get(level)
        sets = _united(
            (((bucket - bucket % seconds if seconds else 0), kind), one) for (bucket, kind), one in sets.items()
        )
        together = _united((bucket, one) for (bucket, _), one in sets.items())
        cells.update((Cell(level, *key), members) for key, members in sets.items())
        cells.update((Cell(level, bucket, ALL_TYPES), members) for bucket, members in together.items())
    return cells


def _united(sets: Iterable[tuple[_Key, BitMap]]) -> dict[_Key, BitMap]:
    """Returns the union of the sets of each key, as sets of their own."""
    found: dict[_Key, list[BitMap]] = {}
    for key, members in sets:
        found.setdefault(key, []).append(members)
    return {key: BitMap.union(*several) for key, several in found.items()}


def cover(start: datetime, end: datetime) -> Cover:
    """Returns the largest whole buckets of a range, and what is left at its ends."""
    found = Cover([], [])
    _cover(start, end, (DAY, HOUR, QUARTER), found)
    return found


def _cover(start: datetime, end: datetime, levels: tuple[int, ...], found: Cover) -> None:
    if start >= end:
        return
    if not levels:
        found.rests.append((start, end))
        return
    level, *finer = levels
    first = -(-_microseconds(start) // (SECONDS[level] * 1_000_000)) * SECONDS[level]
    last = _microseconds(end) // (SECONDS[level] * 1_000_000) * SECONDS[level]
    if first >= last:
        _cover(start, end, tuple(finer), found)
        return
    found.parts.append(Part(level, first, last))
    zone = start.tzinfo
    _cover(start, datetime.fromtimestamp(first, zone), tuple(finer), found)
    _cover(datetime.fromtimestamp(last, zone), end, tuple(finer), found)


def _microseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000 + time.microsecond
