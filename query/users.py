"""Distinct users of ranges and buckets, of all time and per event type, from the sets of users in the read model.

A thread merges the sets: those of a long range, and many recent batches, would hold up other requests.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import UTC, datetime
from functools import lru_cache, partial
from math import ceil
from operator import itemgetter
from typing import Any, NamedTuple

from pyroaring import BitMap

from migrations.user_sets import ALL, DAY, HOUR, QUARTER, SECONDS, Part, cover, unpack_users
from query import previous_generation
from query.database import Snapshot
from query.parameters import Range

OTHER = "\0"
"""Stands for the event types that an answer does not name; no event type has this name."""
MAX_TYPES = 1_000
"""Event types of a range up to which users are counted per type: more types have too many sets."""

Users = dict[str, BitMap]
Sets = defaultdict[tuple[int, str], list[BitMap]]
"""Sets to merge, by bucket number and event type."""


class Intervals(NamedTuple):
    """Disjoint ranges in order, each of them in a bucket, and how to read their users.

    ``numbers`` are the buckets. ``parts`` are whole buckets of the sets, ``rests`` what only single events can tell.
    """

    ranges: list[Range]
    numbers: list[int]
    parts: list[Part]
    rests: list[Range]


class UserCounts(NamedTuple):
    """Distinct users per event type, and per bucket and event type; "" counts all types together.

    Unless they are counted ``per_type``, there is only "".
    """

    by_type: dict[str, int]
    by_bucket: dict[tuple[int, str], int]
    per_type: bool


async def cover_ranges(ranges: Sequence[Range], numbers: Sequence[int]) -> Intervals:
    """Returns how to read the users of disjoint ranges; each belongs to the bucket with the same place in ``numbers``.

    A bucket may have several ranges. Neighbours are read together.
    """
    return await asyncio.to_thread(_cover, ranges, numbers)


async def count_users(
    ask: Snapshot, intervals: Intervals, types: list[str] | None, named: Set[str] | None, *, per_type: bool
) -> UserCounts:
    """Counts the distinct users of intervals; those of types that are not ``named`` (None: all are) under ``OTHER``."""
    if not intervals.ranges:
        return UserCounts({"": 0}, {}, per_type)
    merge = await _read(ask, intervals, types, per_type=per_type, named=named)
    return await asyncio.to_thread(lambda: _count(merge(), per_type))


async def read_users(ask: Snapshot, intervals: Intervals, types: list[str] | None) -> dict[int, BitMap]:
    """Returns the users of each bucket, by its number; a bucket without any is missing."""
    merge = await _read(ask, intervals, types, per_type=False)
    return await asyncio.to_thread(lambda: {number: users for (number, _), users in merge().items()})


async def _read(
    ask: Snapshot, intervals: Intervals, types: list[str] | None, *, per_type: bool, named: Set[str] | None = None
) -> Callable[[], dict[tuple[int, str], BitMap]]:
    """Reads the sets of intervals; returns the function that merges them."""

    def label(event_type: str) -> str:
        if not per_type:
            return ""
        return event_type if named is None or event_type in named else OTHER

    if ask.stale:
        rests = await previous_generation.users_of_ranges(ask, intervals.ranges, types)
        return partial(_merge, intervals, [], [], rests, types, label)
    # no quarter hour has a set of all types
    parts = [(*part, not per_type and types is None and part.level != QUARTER) for part in intervals.parts]
    stored = await ask.rows("user_sets", *_columns(parts, 4), types)
    recent = await ask.rows("set_log")
    rests = []
    if intervals.rests:
        starts = [one.start for one in intervals.ranges]
        rests = await ask.rows("users_of_rows", *_columns(intervals.rests, 2), types, starts)
    return partial(_merge, intervals, stored, recent, rests, types, label)


async def count_users_of_all_time(ask: Snapshot, types: list[str]) -> int:
    """Returns the distinct users that have an event of any of the types."""
    if ask.stale:
        return await previous_generation.count_users_of_all_time(ask, types)
    return len(BitMap.union(BitMap(), *(await _read_all_time(ask, types)).values()))


async def types_of_user(ask: Snapshot, user_id: int, types: list[str] | None) -> list[str]:
    """Returns the event types, among ``types``, of a user's events."""
    if ask.stale:
        return await previous_generation.types_of_user(ask, user_id, types)
    ordinal = await _ordinal(ask, user_id)
    if ordinal is None:
        return []
    found = await _read_all_time(ask, types)
    return sorted(event_type for event_type, users in found.items() if ordinal in users)


async def hours_of_user(ask: Snapshot, user_id: int, types: list[str], whole: Range, limit: int) -> list[datetime]:
    """Returns the newest ``limit`` hours of a range that contain a user's events of some types, newest first."""
    if ask.stale:
        return await previous_generation.hours_of_user(ask, user_id, types, whole, limit)
    ordinal = await _ordinal(ask, user_id)
    if ordinal is None:
        return []
    first, last = int(whole.start.timestamp()), ceil(whole.end.timestamp())
    recent = await ask.rows("set_log")
    hours = await asyncio.to_thread(
        lambda: {
            hour
            for quarter, _, users in _recent(recent, types)
            if first <= (hour := quarter // SECONDS[HOUR] * SECONDS[HOUR]) < last and ordinal in users
        }
    )
    days = await _buckets_of(ask, ordinal, Part(DAY, first // SECONDS[DAY] * SECONDS[DAY], last), types)
    for day in days:
        if len(hours) >= limit and day + SECONDS[DAY] <= sorted(hours, reverse=True)[limit - 1]:
            break
        part = Part(HOUR, max(day, first), min(day + SECONDS[DAY], last))
        hours.update(await _buckets_of(ask, ordinal, part, types))
    return [datetime.fromtimestamp(hour, UTC) for hour in sorted(hours, reverse=True)[:limit]]


async def _ordinal(ask: Snapshot, user_id: int) -> int | None:
    rows = await ask.rows("user_ordinal", user_id)
    return rows[0]["ordinal"] if rows else None


async def _buckets_of(ask: Snapshot, ordinal: int, part: Part, types: list[str]) -> list[int]:
    """Returns the buckets of a part that contain a user, newest first."""

    def containing() -> set[int]:
        return {row["bucket"] for row in rows if ordinal in BitMap.deserialize(row["members"])}

    rows = await ask.rows("user_sets", *_columns([(*part, False)], 4), types)
    return sorted(await asyncio.to_thread(containing), reverse=True)


async def _read_all_time(ask: Snapshot, types: list[str] | None) -> Users:
    """Returns the users of all time per event type."""

    def merged() -> Users:
        found = {row["event_type"]: BitMap.deserialize(row["members"]) for row in stored}
        for _, event_type, users in _recent(recent, types):
            found[event_type] = found.get(event_type, BitMap()) | users
        return found

    stored = await ask.rows("user_sets", *_columns([(ALL, 0, 1, False)], 4), types)
    recent = await ask.rows("set_log")
    return await asyncio.to_thread(merged)


def _columns(rows: Sequence[tuple[Any, ...]], number: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(number)]


def _recent(rows: Sequence[Any], types: list[str] | None) -> Iterator[tuple[int, str, BitMap]]:
    """Yields the users of recent batches: (start of the quarter hour, event type, users)."""
    wanted = None if types is None else set(types)
    for row in rows:
        for (quarter, event_type), users in _users_of_batch(tuple(row["event_types"]), row["packed"]):
            if wanted is None or event_type in wanted:
                yield quarter, event_type, users


@lru_cache(64)
def _users_of_batch(event_types: tuple[str, ...], packed: bytes) -> list[tuple[tuple[int, str], BitMap]]:
    """Returns the users of a batch per quarter hour and event type; many questions read the same batches."""
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for quarter, event_type, ordinal in unpack_users(event_types, packed):
        found[quarter, event_type].append(ordinal)
    return [(key, BitMap(ordinals)) for key, ordinals in found.items()]


def _cover(ranges: Sequence[Range], numbers: Sequence[int]) -> Intervals:
    parts: list[Part] = []
    rests: list[Range] = []
    for one in ranges:
        covered = cover(*one)
        parts += covered.parts
        rests += (Range(*rest) for rest in covered.rests)
    parts.sort()
    rests.sort()
    joined = [Part(level, *times) for level in SECONDS for times in _join(one[1:] for one in parts if one[0] == level)]
    return Intervals(list(ranges), list(numbers), joined, [Range(*rest) for rest in _join(rests)])


def _join(ranges: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Joins neighbours among ranges in order."""
    found: list[tuple[Any, Any]] = []
    for start, end in ranges:
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _merge(
    intervals: Intervals,
    stored: Sequence[Any],
    recent: Sequence[Any],
    rests: Sequence[Any],
    types: list[str] | None,
    label: Callable[[str], str],
) -> dict[tuple[int, str], BitMap]:
    """Returns the users per bucket and the ``label`` of their event type."""
    starts, ends = ([time.timestamp() for time in times] for times in zip(*intervals.ranges, strict=True))
    sets: Sets = defaultdict(list)

    def add(place: int, event_type: str, users: BitMap) -> None:
        sets[intervals.numbers[place], label(event_type)].append(users)

    for row in stored:
        add(bisect_right(starts, row["bucket"]) - 1, row["event_type"], BitMap.deserialize(row["members"]))
    for quarter, event_type, users in _recent(recent, types):
        place = bisect_right(starts, quarter) - 1
        # a quarter hour that is not whole is among the rests
        if place >= 0 and quarter + SECONDS[QUARTER] <= ends[place]:
            add(place, event_type, users)
    for row in rests:
        add(row["place"], row["event_type"], BitMap(row["ordinals"]))
    return {key: BitMap.union(*several) for key, several in sets.items()}


def _count(merged: dict[tuple[int, str], BitMap], per_type: bool) -> UserCounts:
    by_bucket = {key: len(users) for key, users in merged.items()}
    by_bucket |= {(number, ""): len(users) for number, users in _grouped(merged, 0).items()}
    of_types = _grouped(merged, 1)
    all_users = BitMap.union(BitMap(), *of_types.values())
    by_type = {event_type: len(users) for event_type, users in of_types.items()}
    return UserCounts(by_type | {"": len(all_users)}, by_bucket, per_type)


def _grouped(merged: dict[tuple[int, str], BitMap], part: int) -> dict[Any, BitMap]:
    """Merges sets by the bucket (``part`` 0) or the event type (1) of their keys."""
    groups: defaultdict[Any, list[BitMap]] = defaultdict(list)
    for key, users in merged.items():
        groups[itemgetter(part)(key)].append(users)
    return {one: BitMap.union(*several) for one, several in groups.items()}
