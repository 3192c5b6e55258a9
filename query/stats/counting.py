"""Counting events and users in a snapshot: as a series, in a range, of all time."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from query.database import Snapshot
from query.stats.buckets import Buckets
from query.stats.models import SeriesPoint, Totals, TypeTotals
from query.stats.ranges import Range, cut, cut_at_hours


class Counts(NamedTuple):
    """Events and users per type, and of all together under ""; ``users`` None: they were not counted."""

    events: Mapping[str, int]
    users: Mapping[str, int] | None

    @property
    def totals(self) -> Totals:
        """Everything together."""
        return Totals(events=self.events.get("", 0), users=self._users_of(""))

    @property
    def by_type(self) -> list[TypeTotals]:
        """Each type by itself, sorted."""
        types = {*self.events, *(self.users or ())} - {""}
        return [
            TypeTotals(event_type=one, events=self.events.get(one, 0), users=self._users_of(one))
            for one in sorted(types)
        ]

    def _users_of(self, event_type: str) -> int | None:
        return None if self.users is None else self.users.get(event_type, 0)


async def count_series(
    ask: Snapshot, span: Range, buckets: Buckets, shown: list[str], types: list[str] | None
) -> list[SeriesPoint]:
    """Events per bucket and type in a range, exact at its edges; ``shown`` are the buckets as answers have them."""
    stretches = cut(span, buckets.starts)
    rows = await ask.rows(
        "series",
        [stretch.table for stretch in stretches],
        [stretch.start for stretch in stretches],
        [stretch.end for stretch in stretches],
        buckets.starts,
        buckets.numbers,
        types,
    )
    return [SeriesPoint(bucket=shown[number], event_type=kind, events=events) for number, kind, events in rows]


async def count_range(
    ask: Snapshot, span: Range, types: list[str] | None, series: list[SeriesPoint], *, users: bool
) -> Counts:
    """What is in a range whose series is known already."""
    events: Counter[str] = Counter()
    for point in series:
        events[point["event_type"]] += point["events"]
    events[""] = events.total()
    if not users:
        return Counts(events, None)
    rows = await ask.rows("users_in_range", *cut_at_hours(span), types)
    return Counts(events, {row["event_type"]: row["users"] for row in rows})


async def count_all_time(ask: Snapshot, types: list[str] | None, *, users: bool) -> Counts:
    """What there is altogether, without reading a single event."""
    rows = await ask.rows("all_time", types)
    events = {row["event_type"]: row["events"] for row in rows}
    users_of = {row["event_type"]: row["users"] for row in rows}
    if types is not None:
        events[""] = sum(events.values())
        if users and len(users_of) > 1:
            users_of[""] = (await ask.row("users_of_types", types))["users"]
        else:
            users_of[""] = sum(users_of.values())
    return Counts(events, users_of if users else None)
