"""Which table of counts answers for which part of a range."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from query.parameters import Range, bucket_start

Rollup = Literal["day", "hour", "minute"]

_ROLLUPS: dict[Rollup, timedelta] = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
"""The tables of counts, coarsest first, and the length of their buckets."""


class Segment(NamedTuple):
    """A part of a range and the table that answers for it; ``row`` is the table of events."""

    table: Rollup | Literal["row"]
    start: datetime
    end: datetime


def segments(whole: Range, edges: Iterable[datetime]) -> list[Segment]:
    """Divides a range that is shown in buckets with these ``edges`` into segments.

    Each segment uses the coarsest table whose buckets (UTC) lie within the range and between two edges: days in the
    middle of a month, hours up to a local midnight, single events where a range starts within a minute.
    """
    found: list[Segment] = []
    left = [whole] if whole.start < whole.end else []
    dividing = list(edges)
    for table in _ROLLUPS:
        dividing = [edge for edge in dividing if bucket_start(edge, table) != edge]
        divided = sorted({bucket_start(edge, table) for edge in dividing})
        rest: list[Range] = []
        for part in left:
            at = part.start
            for start, end in _whole_buckets(part, table, divided):
                found.append(Segment(table, start, end))
                rest.append(Range(at, start))
                at = end
            rest.append(Range(at, part.end))
        left = [part for part in rest if part.start < part.end]
    return found + [Segment("row", *part) for part in left]


def _whole_buckets(part: Range, table: Rollup, divided: Sequence[datetime]) -> Iterator[Range]:
    """Yields the ranges of whole buckets within ``part``, without the buckets that start at ``divided``."""
    at, end = bucket_start(part.start, table), bucket_start(part.end, table)
    if at < part.start:
        at += _ROLLUPS[table]
    for between in divided[bisect_left(divided, at) : bisect_left(divided, end)]:
        if at < between:
            yield Range(at, between)
        at = between + _ROLLUPS[table]
    if at < end:
        yield Range(at, end)
