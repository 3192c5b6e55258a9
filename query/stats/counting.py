"""Counts in a snapshot: a series, a range, and all time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from query.buckets import Buckets
from query.database import Snapshot
from query.parameters import Range
from query.stats.models import OtherPoint, OtherTotals, SeriesPoint, Totals, TypeTotals
from query.stats.ranges import segments
from query.users import MAX_TYPES, OTHER, Intervals, UserCounts, count_users, count_users_of_all_time


class Series(NamedTuple):
    """(bucket number, event type, events) in order, and the number of types, also of those that are ``OTHER``."""

    points: list[tuple[int, str, int]]
    types: int


class Counts(NamedTuple):
    """Events and users per event type, with the totals under "" and the types that are not named under ``OTHER``.

    ``users`` is None if they were not counted; ``others`` is the number of types that are not named.
    """

    events: Mapping[str, int]
    users: Mapping[str, int | None] | None
    users_per_type: bool
    others: int

    @property
    def totals(self) -> Totals:
        """The counts of all types together."""
        return Totals(events=self.events.get("", 0), users=self._users_of(""))

    @property
    def by_type(self) -> list[TypeTotals]:
        """The counts of each type that is named, sorted by type."""
        types = {*self.events, *(self.users or ())} - {"", OTHER}
        return [
            TypeTotals(event_type=one, events=self.events.get(one, 0), users=self._users_of(one))
            for one in sorted(types)
        ]

    @property
    def other_types(self) -> OtherTotals | None:
        """The counts of the types that are not named; None if all are."""
        if not self.others:
            return None
        return OtherTotals(types=self.others, events=self.events.get(OTHER, 0), users=self._users_of(OTHER))

    @property
    def named(self) -> list[str]:
        """The types that are named."""
        return sorted(self.events.keys() - {"", OTHER})

    def _users_of(self, event_type: str) -> int | None:
        if self.users is None or (event_type and not self.users_per_type):
            return None
        return self.users.get(event_type, 0)


async def count_series(
    ask: Snapshot, whole: Range, buckets: Buckets, types: list[str] | None, limit: int, first: Sequence[str] = ()
) -> Series:
    """Counts the events of a range, exact at its edges.

    At most ``limit`` types are named: those of ``first``, then the most frequent.
    """
    parts = segments(whole, buckets.starts)
    rows = await ask.rows(
        "series",
        [part.table for part in parts],
        [part.start for part in parts],
        [part.end for part in parts],
        buckets.starts,
        buckets.numbers,
        types,
        limit,
        first,
    )
    points = [(row["number"], row["event_type"] or OTHER, row["events"]) for row in rows]
    return Series(points, rows[0]["types"] if rows else 0)


def series_points(
    series: Series, labels: list[str], users: UserCounts | None
) -> tuple[list[SeriesPoint], list[OtherPoint]]:
    """Returns a series as answers show it, and that of the types that are not named.

    ``labels`` are the buckets as text. The points have the users of their buckets if they were counted.
    """
    named: list[SeriesPoint] = []
    others: list[OtherPoint] = []
    for number, kind, events in series.points:
        bucket = labels[number]
        counted = users.by_bucket.get((number, kind), 0) if users and users.per_type else None
        if kind == OTHER:
            others.append({"bucket": bucket, "events": events, "users": counted})
        else:
            named.append({"bucket": bucket, "event_type": kind, "events": events, "users": counted})
    return named, others


async def count_range(
    ask: Snapshot, intervals: Intervals | None, types: list[str] | None, series: Series
) -> tuple[Counts, UserCounts | None]:
    """Counts a range from its series, and the users of its intervals: per type if there are at most ``MAX_TYPES``."""
    events: Counter[str] = Counter()
    for _, event_type, number in series.points:
        events[event_type] += number
    per_type = series.types <= MAX_TYPES
    named = events.keys() - {OTHER}
    others = series.types - len(named)
    events[""] = events.total()
    if intervals is None:
        return Counts(events, None, users_per_type=False, others=others), None
    users = await count_users(ask, intervals, types, named if others else None, per_type=per_type)
    return Counts(events, users.by_type, users_per_type=per_type, others=others), users


async def count_all_time(ask: Snapshot, types: list[str] | None, limit: int, *, users: bool) -> Counts:
    """Returns the counts of all time without reading a single event; names the most frequent ``limit`` types."""
    rows = await ask.rows("all_time", types)
    events = {row["event_type"]: row["events"] for row in rows}
    users_of: dict[str, int | None] = {row["event_type"]: row["users"] for row in rows}
    if types is not None:
        events[""] = sum(events.values())
        if users and len(users_of) > 1:
            users_of[""] = await count_users_of_all_time(ask, types)
        else:
            users_of[""] = sum(row["users"] for row in rows)
    others = sorted(events.keys() - {""}, key=lambda one: (-events[one], one))[limit:]
    if others:
        if users:
            is_bounded = len(others) <= MAX_TYPES
            users_of[OTHER] = await count_users_of_all_time(ask, others) if is_bounded else None
        events[OTHER] = sum(map(events.pop, others))
        for one in others:
            del users_of[one]
    return Counts(events, users_of if users else None, users_per_type=users, others=len(others))
