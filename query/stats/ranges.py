"""Ranges of time, and which table holds which stretch of one."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from contracts.events import EARLIEST

Bucket = Literal["minute", "hour", "day", "week", "month"]
Rollup = Literal["day", "hour", "minute"]

LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The end of a range that has none; the log takes nothing that is more than two days ahead."""

_ROLLUPS: dict[Rollup, timedelta] = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
"""The tables of counts, the coarsest first, and how long their buckets are."""


class Range(NamedTuple):
    """From ``start`` (inclusive) to ``end`` (exclusive), UTC."""

    start: datetime
    end: datetime


class Stretch(NamedTuple):
    """A part of a range, and the table that it is read from; ``row``: the events themselves."""

    table: Rollup | Literal["row"]
    start: datetime
    end: datetime


def closed_range(start: datetime | None, end: datetime | None) -> Range:
    """A range (UTC), with ends that nothing lies beyond where it has none."""
    low = max(start, EARLIEST) if start else EARLIEST
    high = min(end, LATEST) if end else LATEST
    return Range(min(low, LATEST), max(high, EARLIEST))


def floor_to(moment: datetime, bucket: Bucket) -> datetime:
    """The beginning of the bucket that holds ``moment``, by the clock that the moment is written in."""
    if bucket == "minute":
        return moment.replace(second=0, microsecond=0)
    if bucket == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if bucket == "month" else midnight


def cut(span: Range, edges: Iterable[datetime]) -> list[Stretch]:
    """Which table answers for which stretch of a range that is shown in buckets with these ``edges``.

    A stretch is read from the coarsest table whose buckets (UTC) lie there, each within the range and between two
    edges: days in the middle of a month, hours up to a local midnight, single events where a range begins in a minute.
    """
    found: list[Stretch] = []
    left = [span] if span.start < span.end else []
    dividing = list(edges)
    for table in _ROLLUPS:
        dividing = [edge for edge in dividing if floor_to(edge, table) != edge]
        divided = sorted({floor_to(edge, table) for edge in dividing})
        rest: list[Range] = []
        for part in left:
            at = part.start
            for start, end in _whole(part, table, divided):
                found.append(Stretch(table, start, end))
                rest.append(Range(at, start))
                at = end
            rest.append(Range(at, part.end))
        left = [part for part in rest if part.start < part.end]
    return found + [Stretch("row", *part) for part in left]


def cut_at_hours(span: Range) -> tuple[datetime, datetime, datetime, datetime]:
    """A range cut at the edges of its whole hours (UTC): its start, theirs, their end, its end; there may be none."""
    for hours in _whole(span, "hour", []):
        return span.start, hours.start, hours.end, span.end
    return span.start, span.end, span.end, span.end


def _whole(part: Range, table: Rollup, divided: Sequence[datetime]) -> Iterator[Range]:
    """Where a table has whole buckets of ``part``; those that begin at ``divided`` are left out."""
    at, end = floor_to(part.start, table), floor_to(part.end, table)
    if at < part.start:
        at += _ROLLUPS[table]
    for between in divided[bisect_left(divided, at) : bisect_left(divided, end)]:
        if at < between:
            yield Range(at, between)
        at = between + _ROLLUPS[table]
    if at < end:
        yield Range(at, end)
