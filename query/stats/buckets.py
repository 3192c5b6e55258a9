"""Buckets of time: a zone's own minutes, hours, days, weeks and months, and how many of them a range has."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from contracts.errors import TailraceError
from query.stats.ranges import Bucket, Range, floor_to
from query.stats.zones import clocks

BUCKETS: tuple[Bucket, ...] = ("minute", "hour", "day", "week", "month")
AUTO_BUCKETS = 500
"""At most so many buckets are chosen by ``auto``: more than a chart can show."""
MAX_BUCKETS = 10_000
"""At most so many are given when a bucket is asked for by name."""

_LENGTHS: dict[Bucket, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
_LONGEST = _LENGTHS | {"day": timedelta(days=2), "week": timedelta(days=8), "month": timedelta(days=32)}
"""No bucket is longer, however the clocks are changed in it."""


class TooManyBucketsError(TailraceError):
    """The series would be too long: ask for a coarser bucket or a shorter range."""


class Buckets(NamedTuple):
    """The buckets that a range touches, in order.

    ``begins`` has the first moment (UTC) of each. A stretch of time, from ``starts[n]`` up to the next start or
    ``end``, belongs to bucket ``numbers[n]``. Each bucket has one, but for a date that is shown twice because the
    clocks were turned back over midnight.
    """

    begins: list[datetime]
    starts: list[datetime]
    numbers: list[int]
    end: datetime

    def shown(self, zone: tzinfo) -> list[str]:
        """``begins`` as answers have them, with the zone's offset at each."""
        return [begin.astimezone(zone).isoformat().replace("+00:00", "Z") for begin in self.begins]


def buckets_of(span: Range, bucket: Bucket, zone: tzinfo) -> Buckets:
    """The buckets of a range. Days, weeks (from Monday) and months go by the local date.

    Hours begin when the local clock shows a full one, and where it is changed within one.
    """
    if span.start >= span.end:
        return Buckets([], [], [], span.end)
    begins: list[datetime] = []
    starts: list[datetime] = []
    numbers: list[int] = []
    known: dict[datetime, int] = {}
    by_date = bucket not in ("minute", "hour")
    # from before the range, because its first bucket may begin there
    early = span.start - _LONGEST[bucket] - timedelta(days=by_date)
    found = clocks(zone if bucket != "minute" else UTC, early, span.end)
    at = early
    for (since, offset), until in zip(found, [*(clock.since for clock in found[1:]), span.end], strict=True):
        at, shown = since, floor_to(since + offset, bucket)
        while at < until:
            number = known.setdefault(shown if by_date else at, len(begins))
            if number == len(begins):
                begins.append(at)
            if not numbers or numbers[-1] != number:
                starts.append(at)
                numbers.append(number)
            shown = _next(shown, bucket)
            at = shown - offset
    first = bisect_right(starts, span.start) - 1
    before = min(numbers[first:])
    return Buckets(begins[before:], starts[first:], [number - before for number in numbers[first:]], at)


def _next(begin: datetime, bucket: Bucket) -> datetime:
    if bucket == "month":
        return floor_to(begin + timedelta(days=31), bucket)
    return begin + _LENGTHS[bucket]


def named_buckets(span: Range, bucket: Bucket, zone: tzinfo) -> Buckets:
    """The buckets that were asked for by name.

    Raises:
        TooManyBucketsError: they are more than ``MAX_BUCKETS``.
    """
    if span.end - span.start <= MAX_BUCKETS * _LONGEST[bucket]:
        found = buckets_of(span, bucket, zone)
        if len(found.begins) <= MAX_BUCKETS:
            return found
    raise TooManyBucketsError(
        f"bucket: by the {bucket} this range has too many buckets, at most {MAX_BUCKETS:,} are given: take a coarser "
        "bucket or a shorter range"
    )


def fitting_buckets(span: Range, zone: tzinfo) -> tuple[Bucket, Buckets]:
    """The finest buckets of which at most ``AUTO_BUCKETS`` show a range."""
    for bucket in BUCKETS[:-1]:
        if span.end - span.start <= AUTO_BUCKETS * _LONGEST[bucket]:
            found = buckets_of(span, bucket, zone)
            if len(found.begins) <= AUTO_BUCKETS:
                return bucket, found
    return BUCKETS[-1], buckets_of(span, BUCKETS[-1], zone)


def day_begin(moment: datetime, zone: tzinfo) -> datetime:
    """When the local day of a moment begins (UTC)."""
    return buckets_of(Range(moment, moment + timedelta(microseconds=1)), "day", zone).begins[0]
