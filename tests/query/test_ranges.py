"""Cutting ranges of time: nothing is left out, nothing counted twice, no more buckets than promised."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.query.stats.ranges import (
    AUTO_BUCKETS,
    BUCKETS,
    LATEST,
    Bucket,
    Range,
    closed_range,
    count_buckets,
    cut,
    fitting_bucket,
    floor_to,
)

MOMENTS = st.datetimes(datetime(2024, 1, 30), datetime(2024, 3, 3), timezones=st.just(UTC)) | st.sampled_from(
    [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, tzinfo=UTC)]
)
RANGES = st.tuples(MOMENTS, MOMENTS).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Range(*ends))


@given(RANGES, st.sampled_from(BUCKETS))
def test_stretches_follow_each_other_and_lie_on_whole_buckets_of_their_table(span: Range, bucket: Bucket) -> None:
    stretches = cut(span, bucket)
    assert (stretches.start, stretches.end) == span
    assert all(one <= next_one for one, next_one in pairwise(stretches))
    for unit, start, end in (
        ("minute", stretches.minutes, stretches.hours),
        ("hour", stretches.hours, stretches.days),
        ("day", stretches.days, stretches.days_end),
        ("hour", stretches.days_end, stretches.hours_end),
        ("minute", stretches.hours_end, stretches.minutes_end),
    ):
        if start < end:
            assert (floor_to(start, unit), floor_to(end, unit)) == (start, end)  # type: ignore[arg-type]
            assert BUCKETS.index(unit) <= BUCKETS.index(bucket)


@given(RANGES)
def test_single_events_are_read_only_within_a_minute_of_the_edges(span: Range) -> None:
    stretches = cut(span, "day")
    assert (stretches.minutes - stretches.start) < timedelta(minutes=2)
    assert (stretches.end - stretches.minutes_end) < timedelta(minutes=1)


@given(RANGES, st.sampled_from(BUCKETS))
def test_buckets_are_counted_as_a_walk_through_them_does(span: Range, bucket: Bucket) -> None:
    if count_buckets(span, bucket) > 2_000:
        return
    unit: Bucket = "day" if bucket == "month" else bucket
    step = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}[unit]
    at = floor_to(span.start, unit)
    walked = set()
    while at < span.end:
        walked.add(floor_to(at, bucket))
        at += step
    assert count_buckets(span, bucket) == len(walked)


@pytest.mark.parametrize(
    ("length", "bucket"),
    [
        (timedelta(minutes=500), "minute"),
        (timedelta(minutes=500, microseconds=1), "hour"),
        (timedelta(hours=500), "hour"),
        (timedelta(hours=501), "day"),
        (timedelta(days=500), "day"),
        (timedelta(days=501), "month"),
    ],
)
def test_auto_takes_the_finest_bucket_that_fits(length: timedelta, bucket: Bucket) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    assert fitting_bucket(Range(start, start + length)) == bucket
    assert count_buckets(Range(start, start + length), bucket) <= AUTO_BUCKETS


def test_a_range_without_ends_needs_no_single_events() -> None:
    stretches = cut(closed_range(None, None), "minute")
    assert stretches.start == stretches.minutes
    assert stretches.minutes_end == stretches.end == LATEST


def test_ends_outside_of_what_events_can_have_are_brought_in() -> None:
    assert closed_range(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)) == closed_range(None, None)
    far = closed_range(datetime(9000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    assert far.start >= far.end
