"""Ranges of time, the buckets they are shown in, and which table holds which stretch of them."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from tailrace.contracts.events import EARLIEST

Bucket = Literal["minute", "hour", "day", "month"]

LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The end of a range that has none; the log takes nothing that is more than two days ahead."""
AUTO_BUCKETS = 500
"""At most so many buckets are chosen by ``auto``: more than a chart can show."""
MAX_BUCKETS = 10_000
"""At most so many are given when a bucket is asked for by name."""

_LENGTHS: dict[Bucket, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
BUCKETS: tuple[Bucket, ...] = ("minute", "hour", "day", "month")


class Range(NamedTuple):
    """From ``start`` (inclusive) to ``end`` (exclusive), UTC."""

    start: datetime
    end: datetime


class Stretches(NamedTuple):
    """A range cut at the edges of whole minutes, hours and days: nine instants that never fall.

    The stretch between two of them is for the raw rows, the minutes, the hours, the days, the hours, the minutes and
    the raw rows again; any of them may be empty.
    """

    start: datetime
    minutes: datetime
    hours: datetime
    days: datetime
    days_end: datetime
    hours_end: datetime
    minutes_end: datetime
    end: datetime


def closed_range(start: datetime | None, end: datetime | None) -> Range:
    """A range (UTC), with ends that nothing lies beyond where it has none."""
    low = max(start, EARLIEST) if start else EARLIEST
    high = min(end, LATEST) if end else LATEST
    return Range(min(low, LATEST), max(high, EARLIEST))


def floor_to(moment: datetime, bucket: Bucket) -> datetime:
    """The beginning of the bucket that holds ``moment`` (UTC)."""
    moment = moment.replace(second=0, microsecond=0)
    if bucket == "minute":
        return moment
    if bucket == "hour":
        return moment.replace(minute=0)
    moment = moment.replace(minute=0, hour=0)
    return moment.replace(day=1) if bucket == "month" else moment


def count_buckets(span: Range, bucket: Bucket) -> int:
    """How many buckets a range touches."""
    if span.start >= span.end:
        return 0
    first, last = floor_to(span.start, bucket), floor_to(span.end - timedelta(microseconds=1), bucket)
    if bucket == "month":
        return (last.year - first.year) * 12 + last.month - first.month + 1
    return (last - first) // _LENGTHS[bucket] + 1


def fitting_bucket(span: Range) -> Bucket:
    """The finest bucket of which at most ``AUTO_BUCKETS`` show a range."""
    for bucket in BUCKETS:
        if count_buckets(span, bucket) <= AUTO_BUCKETS:
            return bucket
    return BUCKETS[-1]


def cut(span: Range, bucket: Bucket) -> Stretches:
    """Which table answers for which stretch of a range that is to be shown in ``bucket``.

    A table serves where it has whole buckets of the range and is not coarser than what is to be shown.
    """
    minutes = _whole(span, "minute")
    hours = _whole(minutes, "hour") if bucket != "minute" else _nothing(minutes)
    days = _whole(hours, "day") if bucket in ("day", "month") else _nothing(hours)
    return Stretches(span.start, minutes.start, hours.start, days.start, days.end, hours.end, minutes.end, span.end)


def cut_at_hours(span: Range) -> tuple[datetime, datetime, datetime, datetime]:
    """A range cut at the edges of whole hours: its start, theirs, their end, its end; there may be none."""
    hours = _whole(span, "hour")
    return span.start, hours.start, hours.end, span.end


def _whole(span: Range, unit: Bucket) -> Range:
    start = floor_to(span.start, unit)
    if start < span.start:
        start += _LENGTHS[unit]
    end = floor_to(span.end, unit)
    return Range(start, end) if start < end else _nothing(span)


def _nothing(span: Range) -> Range:
    return Range(span.end, span.end)
