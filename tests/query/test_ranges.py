"""Cutting ranges of time: nothing is left out, nothing counted twice, and no table is finer than it has to be."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.stats.buckets import BUCKETS, buckets_of
from query.stats.ranges import (
    LATEST,
    Bucket,
    Range,
    Stretch,
    closed_range,
    cut,
    cut_at_hours,
    floor_to,
)

LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")
MOMENTS = st.datetimes(datetime(2024, 1, 30), datetime(2024, 4, 10), timezones=st.just(UTC)) | st.sampled_from(
    [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2024, 3, 31, 1, tzinfo=UTC)]
)
RANGES = st.tuples(MOMENTS, MOMENTS).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Range(*ends))


def edges_of(span: Range, bucket: Bucket, zone: str) -> list[datetime]:
    if span.end - span.start > timedelta(days=3) and bucket == "minute":
        return []
    return buckets_of(span, bucket, ZoneInfo(zone)).starts


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_every_moment_of_a_range_is_in_one_stretch(span: Range, bucket: Bucket, zone: str) -> None:
    stretches = sorted(cut(span, edges_of(span, bucket, zone)), key=lambda one: one.start)
    assert (stretches[0].start, stretches[-1].end) == span
    assert all(one.end == following.start for one, following in pairwise(stretches))
    assert all(one.start < one.end for one in stretches)


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_a_stretch_has_whole_buckets_of_its_table_and_no_edge_within_one(
    span: Range, bucket: Bucket, zone: str
) -> None:
    edges = edges_of(span, bucket, zone)
    for table, start, end in cut(span, edges):
        if table == "row":
            continue
        assert (floor_to(start, table), floor_to(end, table)) == (start, end)
        assert all(floor_to(edge, table) == edge for edge in edges if start < edge < end)


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_a_stretch_is_in_no_coarser_table(span: Range, bucket: Bucket, zone: str) -> None:
    edges = edges_of(span, bucket, zone)
    coarser = {"row": "minute", "minute": "hour", "hour": "day"}
    for table, start, end in cut(span, edges):
        if table == "day" or end - start > timedelta(days=3):
            continue
        above = coarser[table]
        at = floor_to(start, above)  # type: ignore[arg-type]
        while at < end:
            through = at + LENGTHS[above]
            if start <= at and through <= end:
                assert any(at < edge < through for edge in edges)
            at = through


@given(RANGES)
def test_single_events_are_read_only_within_a_minute_of_the_edges(span: Range) -> None:
    rows = [one for one in cut(span, []) if one.table == "row"]
    assert len(rows) <= 2
    assert sum((one.end - one.start for one in rows), timedelta(0)) < timedelta(minutes=2)


def test_local_days_are_read_from_hours_and_only_where_an_offset_is_not_whole_hours_from_minutes() -> None:
    span = Range(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
    assert cut(span, edges_of(span, "day", "UTC")) == [Stretch("day", *span)]
    assert cut(span, edges_of(span, "day", "Europe/Berlin")) == [Stretch("hour", *span)]
    kolkata = cut(span, edges_of(span, "day", "Asia/Kolkata"))
    assert [(one.table, one.start.isoformat()[8:16], one.end.isoformat()[8:16]) for one in kolkata] == [
        ("hour", "01T00:00", "01T18:00"),
        ("hour", "01T19:00", "02T18:00"),
        ("hour", "02T19:00", "03T00:00"),
        ("minute", "01T18:00", "01T19:00"),
        ("minute", "02T18:00", "02T19:00"),
    ]


def test_the_middle_of_a_local_month_is_read_from_days() -> None:
    span = Range(datetime(2024, 4, 30, 22, tzinfo=UTC), datetime(2024, 6, 30, 22, tzinfo=UTC))  # May and June of Berlin
    assert [(one.table, one.end - one.start) for one in cut(span, edges_of(span, "month", "Europe/Berlin"))] == [
        ("day", timedelta(days=30)),
        ("day", timedelta(days=29)),
        ("hour", timedelta(hours=2)),
        ("hour", timedelta(days=1)),
        ("hour", timedelta(hours=22)),
    ]


@given(RANGES)
def test_users_are_counted_from_all_whole_hours_and_what_is_around_them(span: Range) -> None:
    start, hours, hours_end, end = cut_at_hours(span)
    assert (start, end) == span
    assert start <= hours <= hours_end <= end
    if hours < hours_end:
        assert (floor_to(hours, "hour"), floor_to(hours_end, "hour")) == (hours, hours_end)
        assert max(hours - start, end - hours_end) < timedelta(hours=1)
    else:
        assert end - start < timedelta(hours=2)


def test_a_range_without_ends_needs_no_single_events() -> None:
    assert cut(closed_range(None, None), []) == [Stretch("day", *closed_range(None, None))]
    assert closed_range(None, None).end == LATEST


def test_ends_outside_of_what_events_can_have_are_brought_in() -> None:
    assert closed_range(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)) == closed_range(None, None)
    far = closed_range(datetime(9000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    assert far.start >= far.end
    assert cut(far, []) == []
    assert buckets_of(far, "day", UTC).begins == []


@pytest.mark.parametrize(
    ("bucket", "begin"),
    [
        ("minute", "2024-02-29T13:47:00"),
        ("hour", "2024-02-29T13:00:00"),
        ("day", "2024-02-29T00:00:00"),
        ("week", "2024-02-26T00:00:00"),
        ("month", "2024-02-01T00:00:00"),
    ],
)
def test_a_moment_belongs_to_the_bucket_before_it_and_a_week_begins_on_monday(bucket: Bucket, begin: str) -> None:
    moment = datetime(2024, 2, 29, 13, 47, 59, 999_999)
    assert floor_to(moment, bucket) == datetime.fromisoformat(begin)
    assert floor_to(floor_to(moment, bucket), bucket) == floor_to(moment, bucket)
