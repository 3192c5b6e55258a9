"""Distinct users of a range, of all time and per event type, from the sets of users in the read model."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any

from pyroaring import BitMap

from migrations.user_sets import ALL, DAY, HOUR, SECONDS, Part, cover, unpack_users
from query.database import Snapshot
from query.parameters import Range

Users = dict[str, BitMap]


async def count_users(ask: Snapshot, whole: Range, types: list[str] | None) -> dict[str, int]:
    """Returns the distinct users of a range per event type; "" counts all types together."""
    covered = cover(*whole)
    found = await _read_sets(ask, covered.parts, types)
    for event_type, ordinals in await _read_rests(ask, covered.rests, types):
        _add(found, event_type, ordinals)
    return _counts(found)


async def count_users_of_all_time(ask: Snapshot, types: list[str]) -> int:
    """Returns the distinct users that have an event of any of the types."""
    return _counts(await _read_sets(ask, [_ALL_TIME], types))[""]


async def types_of_user(ask: Snapshot, user_id: int, types: list[str] | None) -> list[str]:
    """Returns the event types, among ``types``, of a user's events."""
    ordinal = await _ordinal(ask, user_id)
    if ordinal is None:
        return []
    found = await _read_sets(ask, [_ALL_TIME], types)
    return sorted(event_type for event_type, users in found.items() if ordinal in users)


async def hours_of_user(ask: Snapshot, user_id: int, types: list[str], whole: Range, limit: int) -> list[datetime]:
    """Returns the newest ``limit`` hours of a range that contain a user's events of some types, newest first."""
    ordinal = await _ordinal(ask, user_id)
    if ordinal is None:
        return []
    first, last = int(whole.start.timestamp()), ceil(whole.end.timestamp())
    recent = {
        start // SECONDS[HOUR] * SECONDS[HOUR]
        for start, event_type, one in await _read_recent(ask)
        if one == ordinal and event_type in types
    }
    hours = {hour for hour in recent if first <= hour < last}
    days = await _buckets_of(ask, ordinal, Part(DAY, first // SECONDS[DAY] * SECONDS[DAY], last), types)
    for day in days:
        if len(hours) >= limit and day + SECONDS[DAY] <= sorted(hours, reverse=True)[limit - 1]:
            break
        part = Part(HOUR, max(day, first), min(day + SECONDS[DAY], last))
        hours.update(await _buckets_of(ask, ordinal, part, types))
    return [datetime.fromtimestamp(hour, UTC) for hour in sorted(hours, reverse=True)[:limit]]


_ALL_TIME = Part(ALL, 0, 1)


async def _ordinal(ask: Snapshot, user_id: int) -> int | None:
    rows = await ask.rows("user_ordinal", user_id)
    return rows[0]["ordinal"] if rows else None


async def _buckets_of(ask: Snapshot, ordinal: int, part: Part, types: list[str]) -> list[int]:
    """Returns the buckets of a part that contain a user, newest first."""
    rows = await _stored(ask, [part], types)
    return sorted({row["bucket"] for row in rows if ordinal in BitMap.deserialize(row["members"])}, reverse=True)


async def _read_sets(ask: Snapshot, parts: Sequence[Part], types: list[str] | None) -> Users:
    """Returns the union of whole buckets per event type, with the users of recent batches."""
    sets: dict[str, list[BitMap]] = {}
    for row in await _stored(ask, parts, types):
        sets.setdefault(row["event_type"], []).append(BitMap.deserialize(row["members"]))
    found = {event_type: BitMap.union(*one) for event_type, one in sets.items()}
    recent: dict[str, list[int]] = {}
    for start, event_type, ordinal in await _read_recent(ask):
        if any(part.level == ALL or part.start <= start < part.end for part in parts) and (
            types is None or event_type in types
        ):
            recent.setdefault(event_type, []).append(ordinal)
    for event_type, ordinals in recent.items():
        _add(found, event_type, ordinals)
    return found


async def _stored(ask: Snapshot, parts: Sequence[Part], types: list[str] | None) -> list[Any]:
    columns = [list(column) for column in zip(*parts, strict=True)] if parts else [[], [], []]
    return await ask.rows("user_sets", *columns, types)


async def _read_recent(ask: Snapshot) -> list[tuple[int, str, int]]:
    return [user for row in await ask.rows("set_log") for user in unpack_users(row["event_types"], row["packed"])]


async def _read_rests(
    ask: Snapshot, rests: Sequence[tuple[datetime, datetime]], types: list[str] | None
) -> list[tuple[str, list[int]]]:
    if not rests:
        return []
    starts, ends = zip(*rests, strict=True)
    rows = await ask.rows("users_of_rows", starts, ends, types)
    return [(row["event_type"], row["ordinals"]) for row in rows]


def _add(users: Users, event_type: str, ordinals: Iterable[int]) -> None:
    found = BitMap(ordinals)
    users[event_type] = users[event_type] | found if event_type in users else found


def _counts(users: Users) -> dict[str, int]:
    counts = {event_type: len(found) for event_type, found in users.items()}
    return {**counts, "": len(BitMap.union(*users.values())) if users else 0}
