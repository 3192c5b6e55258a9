"""Finding rows without reading the others: which hours and minutes hold events of some types, or of a user.

The counts per hour and minute, and the users per hour, say so exactly; only hours whose late events are not in them yet
(``late_ranges``) are looked at whole. Every list is as long as a page needs and no longer: each hour or minute in it
has an event that is wanted.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from query.database import Snapshot
from query.events.paging import Place

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LOOKED_BACK = (HOUR, timedelta(days=7))
"""How far a page is looked for at first, and then: what is asked most often is recent, and a range with narrow ends
spares the database the rest (on TimescaleDB also counting again what is not materialized yet)."""


class Wanted(NamedTuple):
    """Which events: of these types (None: of all), of this user (None: of everybody)."""

    types: list[str] | None
    user_id: int | None


class Stretch(NamedTuple):
    """From ``start`` (inclusive) to ``end`` (exclusive), UTC."""

    start: datetime
    end: datetime


def windows(first: datetime, place: Place, now: datetime) -> Iterator[Stretch]:
    """Everything from ``first`` up to and including ``place``, in stretches that grow, the newest first."""
    end = place.end
    anchor = _whole_hour(min(end, now))
    for start in (*(anchor - length for length in LOOKED_BACK), first):
        start = max(start, first)
        if start < end:
            yield Stretch(start, end)
            end = start


async def locate(ask: Snapshot, wanted: Wanted, window: Stretch, count: int) -> list[Stretch]:
    """Stretches of a window, the newest first, that hold its newest ``count`` wanted events (or all, if fewer).

    They don't overlap. There may be other events in them.
    """
    if wanted.types is None:
        return [window]
    # one more than events are needed: of the newest, only what is older than the page's beginning counts
    range_and_limit = (_whole_hour(window.start), window.end, count + 1)
    if wanted.user_id is None:
        rows = await ask.rows("events_hours_of_types", wanted.types, *range_and_limit)
    else:
        rows = await ask.rows("events_hours_of_user", wanted.types, *range_and_limit, wanted.user_id)
    late = {row["hour"] for row in rows if row["is_late"]}
    hours = sorted((row["hour"] for row in rows if row["hour"] not in late), reverse=True)
    found = [Stretch(hour, hour + HOUR) for hour in late]
    if hours and wanted.user_id is None:
        ends = hours[-1], min(hours[0] + HOUR, window.end)
        rows = await ask.rows("events_minutes", wanted.types, hours, *ends, count + 1)
        found += [Stretch(row["bucket"], row["bucket"] + MINUTE) for row in rows]
    else:
        found += [Stretch(hour, hour + HOUR) for hour in hours]
    cut = (Stretch(max(one.start, window.start), min(one.end, window.end)) for one in found)
    return sorted((one for one in cut if one.start < one.end), reverse=True)


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
