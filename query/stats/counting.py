"""Counts in a snapshot: a series, a range, all time, and the values of a property."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from contracts.events import EARLIEST
from query.buckets import Buckets
from query.database import Snapshot
from query.errors import QueryTimeoutError
from query.parameters import Range, bucket_start
from query.stats.models import SeriesPoint, Top, TopValue, Totals, TypeTotals
from query.stats.ranges import segments
from query.users import MAX_TYPES, Intervals, UserCounts, count_users, count_users_of_all_time

MAX_TOP_EVENTS = 1_000_000
"""Events of which the values of a property are counted; each costs about 1.5 µs of the database."""
TOP_TIMEOUT = 5.0
"""Seconds that counting them may take."""


Series = list[tuple[int, str, int]]
"""(bucket number, event type, events), in order."""


class Counts(NamedTuple):
    """Events and users per event type, with the totals under ""; ``users`` is None if they were not counted."""

    events: Mapping[str, int]
    users: Mapping[str, int] | None
    users_per_type: bool

    @property
    def totals(self) -> Totals:
        """The counts of all types together."""
        return Totals(events=self.events.get("", 0), users=self._users_of(""))

    @property
    def by_type(self) -> list[TypeTotals]:
        """The counts of each type, sorted by type."""
        types = {*self.events, *(self.users or ())} - {""}
        return [
            TypeTotals(event_type=one, events=self.events.get(one, 0), users=self._users_of(one))
            for one in sorted(types)
        ]

    def _users_of(self, event_type: str) -> int | None:
        if self.users is None or (event_type and not self.users_per_type):
            return None
        return self.users.get(event_type, 0)


async def count_series(ask: Snapshot, whole: Range, buckets: Buckets, types: list[str] | None) -> Series:
    """Returns (bucket number, event type, events) of a range, exact at its edges."""
    parts = segments(whole, buckets.starts)
    rows = await ask.rows(
        "series",
        [part.table for part in parts],
        [part.start for part in parts],
        [part.end for part in parts],
        buckets.starts,
        buckets.numbers,
        types,
    )
    return [tuple(row) for row in rows]


def series_points(series: Series, labels: list[str], users: UserCounts | None) -> list[SeriesPoint]:
    """Returns a series as answers show it, with the users of its buckets if they were counted.

    ``labels`` are the buckets as text.
    """
    return [
        SeriesPoint(
            bucket=labels[number],
            event_type=kind,
            events=events,
            users=users.by_bucket.get((number, kind), 0) if users and users.per_type else None,
        )
        for number, kind, events in series
    ]


async def count_range(
    ask: Snapshot, intervals: Intervals | None, types: list[str] | None, series: Series
) -> tuple[Counts, UserCounts | None]:
    """Counts a range from its series, and the users of its intervals: per type if there are at most ``MAX_TYPES``."""
    events: Counter[str] = Counter()
    for _, event_type, number in series:
        events[event_type] += number
    per_type = len(events) <= MAX_TYPES
    events[""] = events.total()
    if intervals is None:
        return Counts(events, None, users_per_type=False), None
    users = await count_users(ask, intervals, types, per_type=per_type)
    return Counts(events, users.by_type, users_per_type=per_type), users


async def count_all_time(ask: Snapshot, types: list[str] | None, *, users: bool) -> Counts:
    """Returns the counts of all time without reading a single event."""
    rows = await ask.rows("all_time", types)
    events = {row["event_type"]: row["events"] for row in rows}
    users_of = {row["event_type"]: row["users"] for row in rows}
    if types is not None:
        events[""] = sum(events.values())
        if users and len(users_of) > 1:
            users_of[""] = await count_users_of_all_time(ask, types)
        else:
            users_of[""] = sum(users_of.values())
    return Counts(events, users_of if users else None, users_per_type=users)


async def count_values(ask: Snapshot, whole: Range, types: list[str] | None, name: str, limit: int) -> Top:
    """Counts the values of the property ``event_data.<key>.<key>`` in a range, of its newest events if it has many.

    Raises:
        QueryTimeoutError: the time limit was reached.
    """
    first_hour = bucket_start(whole.start, "hour")
    start = (await ask.row("top_start", first_hour, whole.end, MAX_TOP_EVENTS))["start"]
    is_partial = start is not None and start > whole.start
    counted = whole._replace(start=start) if is_partial else whole
    try:
        async with asyncio.timeout(TOP_TIMEOUT):
            rows = await ask.rows("top", name.split(".")[1:], *counted, types, limit)
    except TimeoutError:
        raise QueryTimeoutError(f"top: counting took more than {TOP_TIMEOUT:g} s: request a shorter range") from None
    rest = {row["kind"]: row["events"] for row in rows if row["kind"] != "value"}
    # a value stays the database's JSON text, so its numbers keep all digits
    values = [
        TopValue(value=msgspec.Raw(row["value"].encode()), events=row["events"])
        for row in rows
        if row["kind"] == "value"
    ]
    return Top(
        property=name,
        partial=is_partial,
        counted_from=counted.start if counted.start > EARLIEST else None,
        values=values,
        other=rest["other"],
        missing=rest["missing"],
    )
