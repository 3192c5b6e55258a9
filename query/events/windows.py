"""Which hours and minutes contain events of some types or of a user, without reading other events.

The counts per hour and minute and the sets of users know. Hours with late events that the counts do not include yet
(``late_ranges``) are searched completely. Every list is only as long as a page needs: each hour or minute in it
contains a wanted event.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from query.database import Snapshot
from query.events.page_token import PageStart
from query.parameters import Range
from query.users import hours_of_user

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIRST_WINDOWS = (HOUR, timedelta(days=7))
"""The age of the oldest event in the first windows. Most pages are recent, and a narrow range saves the database work:
on TimescaleDB also the counting of what is not materialized yet."""


class Wanted(NamedTuple):
    """The wanted events: of these types (None: all), of this user (None: all)."""

    types: list[str] | None
    user_id: int | None


def windows(first: datetime, start: PageStart, now: datetime) -> Iterator[Range]:
    """Yields ranges of growing length, newest first, that cover everything from ``first`` to ``start`` (inclusive)."""
    end = start.end
    anchor = _whole_hour(min(end, now))
    for begin in (*(anchor - length for length in FIRST_WINDOWS), first):
        begin = max(begin, first)
        if begin < end:
            yield Range(begin, end)
            end = begin


async def narrow(ask: Snapshot, wanted: Wanted, window: Range, count: int) -> list[Range]:
    """Returns ranges of a window, newest first, that contain its newest ``count`` wanted events, or all of them.

    The ranges do not overlap. They may contain other events too.
    """
    if wanted.types is None:
        return [window]
    # one extra: the newest range may contain only events before the page's start
    range_and_limit = (_whole_hour(window.start), window.end, count + 1)
    if wanted.user_id is not None:
        whole = Range(_whole_hour(window.start), window.end)
        hours = await hours_of_user(ask, wanted.user_id, wanted.types, whole, count + 1)
        return _within([Range(hour, hour + HOUR) for hour in hours], window)
    rows = await ask.rows("events_hours_of_types", wanted.types, *range_and_limit)
    late = {row["hour"] for row in rows if row["is_late"]}
    hours = sorted((row["hour"] for row in rows if row["hour"] not in late), reverse=True)
    found = [Range(hour, hour + HOUR) for hour in late]
    if hours:
        ends = hours[-1], min(hours[0] + HOUR, window.end)
        rows = await ask.rows("events_minutes", wanted.types, hours, *ends, count + 1)
        found += [Range(row["bucket"], row["bucket"] + MINUTE) for row in rows]
    return _within(found, window)


def _within(found: list[Range], window: Range) -> list[Range]:
    """Cuts ranges at a window's ends and sorts them, newest first."""
    cut = (Range(max(one.start, window.start), min(one.end, window.end)) for one in found)
    return sorted((one for one in cut if one.start < one.end), reverse=True)


def _whole_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
