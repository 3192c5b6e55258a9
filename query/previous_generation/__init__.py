"""Counts users in a model of the previous generation, which keeps them as rows instead of bitmaps.

``query/users.py`` calls these functions while such a model is the live one. They go with the next generation, when
those tables can no longer be read.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from query.database import Snapshot
from query.parameters import Range
from runtime.postgres import read_sql

_sql = partial(read_sql, "query.previous_generation")
_HOUR = timedelta(hours=1)


async def users_of_ranges(ask: Snapshot, ranges: Sequence[Range], types: list[str] | None) -> list[Any]:
    """Returns the users of disjoint ranges as rows: the range's place, the event type, ordinals of users."""
    parts = [(*one, *_whole_hours(one)) for one in ranges]
    rows: list[Any] = await ask.connection.fetch(_sql("users_of_ranges"), *zip(*parts, strict=True), types)
    return rows


def _whole_hours(one: Range) -> Range:
    """Returns the part of a range that is whole hours; an empty one at its end if there is none."""
    first, last = (time.replace(minute=0, second=0, microsecond=0) for time in one)
    first += _HOUR if first < one.start else timedelta()
    return Range(first, last) if first < last else Range(one.end, one.end)


async def count_users_of_all_time(ask: Snapshot, types: list[str]) -> int:
    """Returns the distinct users that have an event of any of the types."""
    users: int = await ask.connection.fetchval(_sql("users_of_types"), types)
    return users


async def types_of_user(ask: Snapshot, user_id: int, types: list[str] | None) -> list[str]:
    """Returns the event types, among ``types``, of a user's events."""
    return [row["event_type"] for row in await ask.connection.fetch(_sql("types_of_user"), user_id, types)]


async def hours_of_user(ask: Snapshot, user_id: int, types: list[str], whole: Range, limit: int) -> list[datetime]:
    """Returns the newest ``limit`` hours of a range that contain a user's events of some types, newest first.

    Hours with late events come in addition.
    """
    rows = await ask.connection.fetch(_sql("hours_of_user"), types, *whole, limit, user_id)
    return [row["hour"] for row in rows]
