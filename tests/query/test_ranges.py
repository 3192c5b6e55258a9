"""Segments cover a range exactly once, and each uses the coarsest possible table."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations.user_sets import HOUR, QUARTER, SECONDS, cover
from query.buckets import BUCKETS, buckets_of
from query.parameters import LATEST, Bucket, Range, bucket_start, closed_range
from query.stats.ranges import Segment, segments

LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")
TIMES = st.datetimes(datetime(2024, 1, 30), datetime(2024, 4, 10), timezones=st.just(UTC)) | st.sampled_from(
    [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2024, 3, 31, 1, tzinfo=UTC)]
)
RANGES = st.tuples(TIMES, TIMES).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Range(*ends))


def edges_of(span: Range, bucket: Bucket, zone: str) -> list[datetime]:
    if span.end - span.start > timedelta(days=3) and bucket == "minute":
        return []
    return buckets_of(span, bucket, ZoneInfo(zone)).starts


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_every_time_of_a_range_is_in_exactly_one_segment(span: Range, bucket: Bucket, zone: str) -> None:
    found = sorted(segments(span, edges_of(span, bucket, zone)), key=lambda one: one.start)
    assert (found[0].start, found[-1].end) == span
    assert all(one.end == following.start for one, following in pairwise(found))
    assert all(one.start < one.end for one in found)


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_a_segment_has_whole_buckets_of_its_table_and_no_edge_within_one(
    span: Range, bucket: Bucket, zone: str
) -> None:
    edges = edges_of(span, bucket, zone)
    for table, start, end in segments(span, edges):
        if table == "row":
            continue
        assert (bucket_start(start, table), bucket_start(end, table)) == (start, end)
        assert all(bucket_start(edge, table) == edge for edge in edges if start < edge < end)


@given(RANGES, st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_a_segment_uses_the_coarsest_table(span: Range, bucket: Bucket, zone: str) -> None:
    edges = edges_of(span, bucket, zone)
    coarser = {"row": "minute", "minute": "hour", "hour": "day"}
    for table, start, end in segments(span, edges):
        if table == "day" or end - start > timedelta(days=3):
            continue
        above = coarser[table]
        at = bucket_start(start, above)  # type: ignore[arg-type]
        while at < end:
            through = at + LENGTHS[above]
            if start <= at and through <= end:
                assert any(at < edge < through for edge in edges)
            at = through


@given(RANGES)
def test_single_events_are_read_only_within_a_minute_of_the_edges(span: Range) -> None:
    rows = [one for one in segments(span, []) if one.table == "row"]
    assert len(rows) <= 2
    assert sum((one.end - one.start for one in rows), timedelta(0)) < timedelta(minutes=2)


def test_local_days_are_read_from_hours_and_only_where_an_offset_is_not_whole_hours_from_minutes() -> None:
    span = Range(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
    assert segments(span, edges_of(span, "day", "UTC")) == [Segment("day", *span)]
    assert segments(span, edges_of(span, "day", "Europe/Berlin")) == [Segment("hour", *span)]
    kolkata = segments(span, edges_of(span, "day", "Asia/Kolkata"))
    assert [(one.table, one.start.isoformat()[8:16], one.end.isoformat()[8:16]) for one in kolkata] == [
        ("hour", "01T00:00", "01T18:00"),
        ("hour", "01T19:00", "02T18:00"),
        ("hour", "02T19:00", "03T00:00"),
        ("minute", "01T18:00", "01T19:00"),
        ("minute", "02T18:00", "02T19:00"),
    ]


def test_the_middle_of_a_local_month_is_read_from_days() -> None:
    span = Range(datetime(2024, 4, 30, 22, tzinfo=UTC), datetime(2024, 6, 30, 22, tzinfo=UTC))  # May and June of Berlin
    assert [(one.table, one.end - one.start) for one in segments(span, edges_of(span, "month", "Europe/Berlin"))] == [
        ("day", timedelta(days=30)),
        ("day", timedelta(days=29)),
        ("hour", timedelta(hours=2)),
        ("hour", timedelta(days=1)),
        ("hour", timedelta(hours=22)),
    ]


@given(RANGES)
def test_users_are_read_from_the_largest_whole_buckets_and_the_events_around_them(span: Range) -> None:
    parts, rests = cover(*span)
    spans = [(datetime.fromtimestamp(one.start, UTC), datetime.fromtimestamp(one.end, UTC)) for one in parts]
    covered = sorted([*spans, *rests])
    if span.start < span.end:
        assert (covered[0][0], covered[-1][1]) == span
        assert all(one[1] == following[0] for one, following in pairwise(covered))
    else:
        assert covered == []
    for part in parts:
        assert part.start % SECONDS[part.level] == part.end % SECONDS[part.level] == 0
    assert len(rests) <= 2
    assert all(end - start < timedelta(minutes=30) for start, end in rests)
    assert sum(part.end - part.start for part in parts if part.level == QUARTER) < 2 * SECONDS[HOUR]


def test_an_open_range_reads_no_single_events() -> None:
    assert segments(closed_range(None, None), []) == [Segment("day", *closed_range(None, None))]
    assert closed_range(None, None).end == LATEST


def test_a_range_is_limited_to_the_times_that_events_can_have() -> None:
    assert closed_range(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)) == closed_range(None, None)
    far = closed_range(datetime(9000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    assert far.start >= far.end
    assert segments(far, []) == []
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
def test_a_time_belongs_to_the_bucket_that_started_last_and_weeks_start_on_monday(bucket: Bucket, begin: str) -> None:
    time = datetime(2024, 2, 29, 13, 47, 59, 999_999)
    assert bucket_start(time, bucket) == datetime.fromisoformat(begin)
    assert bucket_start(bucket_start(time, bucket), bucket) == bucket_start(time, bucket)
