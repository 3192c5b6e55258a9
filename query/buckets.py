"""Buckets of time: a zone's local minutes, hours, days, weeks and months, and the range before a range."""

from bisect import bisect_right
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from query.errors import BadParameterError
from query.parameters import Bucket, Range, bucket_start
from query.zones import offsets

BUCKETS: tuple[Bucket, ...] = ("minute", "hour", "day", "week", "month")
AUTO_BUCKETS = 500
"""The most buckets that ``auto`` chooses: no chart shows more."""
MAX_BUCKETS = 10_000
"""The most buckets of an answer when the request names the bucket."""

_LENGTHS: dict[Bucket, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
_LONGEST = _LENGTHS | {"day": timedelta(days=2), "week": timedelta(days=8), "month": timedelta(days=32)}
"""No bucket is longer, whatever offset changes it contains."""


class TooManyBucketsError(BadParameterError):
    """The series would be too long: request a coarser bucket or a shorter range."""


class Buckets(NamedTuple):
    """The buckets that a range touches, in order.

    ``begins`` has the start (UTC) of each bucket. The time from ``starts[n]`` to the next start, or to ``end``, belongs
    to bucket ``numbers[n]``. Each bucket has one such interval, except a date that occurs twice because the clock was
    turned back over midnight.
    """

    begins: list[datetime]
    starts: list[datetime]
    numbers: list[int]
    end: datetime

    def formatted(self, zone: tzinfo) -> list[str]:
        """Returns ``begins`` as answers show them, with the offset of the zone at each."""
        return [begin.astimezone(zone).isoformat().replace("+00:00", "Z") for begin in self.begins]


def buckets_of(whole: Range, bucket: Bucket, zone: tzinfo) -> Buckets:
    """Returns the buckets of a range. Days, weeks (from Monday) and months follow the local date.

    Hours start when the local clock shows a full hour, and where its offset changes within one.
    """
    if whole.start >= whole.end:
        return Buckets([], [], [], whole.end)
    begins: list[datetime] = []
    starts: list[datetime] = []
    numbers: list[int] = []
    known: dict[datetime, int] = {}
    by_date = bucket not in ("minute", "hour")
    # the first bucket may start before the range
    early = whole.start - _LONGEST[bucket] - timedelta(days=by_date)
    found = offsets(zone if bucket != "minute" else UTC, early, whole.end)
    at = early
    for (since, offset), until in zip(found, [*(one.since for one in found[1:]), whole.end], strict=True):
        at, local = since, bucket_start(since + offset, bucket)
        while at < until:
            number = known.setdefault(local if by_date else at, len(begins))
            if number == len(begins):
                begins.append(at)
            if not numbers or numbers[-1] != number:
                starts.append(at)
                numbers.append(number)
            local = _next(local, bucket)
            at = local - offset
    first = bisect_right(starts, whole.start) - 1
    before, last = min(numbers[first:]), max(numbers[first:])
    return Buckets(begins[before : last + 1], starts[first:], [number - before for number in numbers[first:]], at)


def _next(start: datetime, bucket: Bucket) -> datetime:
    if bucket == "month":
        return bucket_start(start + timedelta(days=31), bucket)
    return start + _LENGTHS[bucket]


def named_buckets(whole: Range, bucket: Bucket, zone: tzinfo) -> Buckets:
    """Returns the buckets of a request that names them.

    Raises:
        TooManyBucketsError: there are more than ``MAX_BUCKETS``.
    """
    if whole.end - whole.start <= MAX_BUCKETS * _LONGEST[bucket]:
        found = buckets_of(whole, bucket, zone)
        if len(found.begins) <= MAX_BUCKETS:
            return found
    raise TooManyBucketsError(
        f"bucket: by the {bucket}, this range has more than {MAX_BUCKETS:,} buckets: request a coarser bucket or a "
        "shorter range"
    )


def fitting_buckets(whole: Range, zone: tzinfo) -> tuple[Bucket, Buckets]:
    """Returns the finest buckets of which at most ``AUTO_BUCKETS`` cover a range."""
    for bucket in BUCKETS[:-1]:
        if whole.end - whole.start <= AUTO_BUCKETS * _LONGEST[bucket]:
            found = buckets_of(whole, bucket, zone)
            if len(found.begins) <= AUTO_BUCKETS:
                return bucket, found
    return BUCKETS[-1], buckets_of(whole, BUCKETS[-1], zone)


def day_start(at: datetime, zone: tzinfo) -> datetime:
    """Returns when the local day that contains ``at`` starts (UTC)."""
    return buckets_of(Range(at, at + timedelta(microseconds=1)), "day", zone).begins[0]


def range_before(whole: Range, zone: tzinfo) -> Range:
    """Returns the range of the same length that ends at the start of ``whole``; whole local days keep their number.

    Raises:
        OverflowError: it would start before the year 1.
    """
    if all(day_start(at, zone) == at for at in whole):
        first, last = (at.astimezone(zone).date() for at in whole)
        midnight = datetime.combine(first - (last - first), time(), zone)
        return Range(day_start(midnight.astimezone(UTC), zone), whole.start)
    return Range(whole.start - (whole.end - whole.start), whole.start)
