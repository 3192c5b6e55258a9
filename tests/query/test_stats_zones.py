"""Buckets in local time: days of 23 and 25 hours, hours that start at half past, repeated dates."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.events import EARLIEST
from query.buckets import (
    AUTO_BUCKETS,
    BUCKETS,
    MAX_BUCKETS,
    TooManyBucketsError,
    buckets_of,
    fitting_buckets,
    named_buckets,
    range_before,
)
from query.parameters import LATEST, Bucket, Range
from query.zones import offsets, read_zone
from tests.support.stats_endpoint import local_begin

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "America/St_Johns",  # until 2011 at one minute past midnight: the previous day repeats for an hour
    "America/Sao_Paulo",  # midnight is skipped once a year, until 2018
    "America/Havana",  # midnight occurs twice
    "Pacific/Apia",  # had no 2011-12-30
    "Africa/Casablanca",  # changes its clocks for a month
)
CHANGES = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
    datetime(2011, 3, 13, 3, 31, tzinfo=UTC),
    datetime(2017, 10, 15, 3, tzinfo=UTC),
    datetime(2023, 11, 5, 5, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
]
TIMES = st.builds(lambda change, away: change + away, st.sampled_from(CHANGES),
                    st.timedeltas(timedelta(days=-2), timedelta(days=2)))  # fmt: skip


def begins(start: str, end: str, bucket: Bucket, zone: str) -> list[str]:
    span = Range(datetime.fromisoformat(start).astimezone(UTC), datetime.fromisoformat(end).astimezone(UTC))
    return [begin.astimezone(ZoneInfo(zone)).isoformat() for begin in buckets_of(span, bucket, ZoneInfo(zone)).begins]


@given(TIMES, st.timedeltas(timedelta(microseconds=1), timedelta(days=60)), st.data(), st.sampled_from(ZONES),
       st.sampled_from(BUCKETS))  # fmt: skip
def test_a_time_is_in_the_bucket_that_a_wall_clock_shows(
    start: datetime, length: timedelta, data: st.DataObject, zone: str, bucket: Bucket
) -> None:
    span = Range(start, start + min(length, timedelta(days=2) if bucket == "minute" else length))
    time = start + data.draw(st.timedeltas(timedelta(0), span.end - start - timedelta(microseconds=1)))
    found = buckets_of(span, bucket, ZoneInfo(zone))
    index = max(number for number, begin in enumerate(found.starts) if begin <= time)
    assert found.begins[found.numbers[index]] == local_begin(time, bucket, zone)


@given(TIMES, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)), st.sampled_from(ZONES),
       st.sampled_from(BUCKETS[1:]))  # fmt: skip
@example(datetime(2010, 11, 7, 2, 31, tzinfo=UTC), timedelta(microseconds=1), "America/St_Johns", "day")
def test_buckets_touch_the_range_and_follow_each_other(
    start: datetime, length: timedelta, zone: str, bucket: Bucket
) -> None:
    span = Range(start, start + length)
    found = buckets_of(span, bucket, ZoneInfo(zone))
    assert found.starts[0] <= span.start
    assert all(one < following for one, following in pairwise([*found.starts, found.end]))
    assert all(one < following for one, following in pairwise(found.begins))
    assert found.starts[-1] < span.end <= found.end
    assert sorted(set(found.numbers)) == list(range(len(found.begins)))


def test_days_have_23_and_25_hours_when_clocks_change() -> None:
    assert begins("2026-03-28T12:00Z", "2026-03-30T12:00Z", "day", "Europe/Berlin") == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert begins("2026-10-24T12:00Z", "2026-10-26T12:00Z", "day", "Europe/Berlin") == [
        "2026-10-24T00:00:00+02:00",
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]


def test_a_repeated_hour_is_two_buckets_and_a_skipped_one_is_none() -> None:
    assert begins("2026-10-24T23:00Z", "2026-10-25T02:00Z", "hour", "Europe/Berlin") == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]
    assert begins("2026-03-29T00:00Z", "2026-03-29T02:00Z", "hour", "Europe/Berlin") == [
        "2026-03-29T01:00:00+01:00",
        "2026-03-29T03:00:00+02:00",
    ]


def test_hours_start_when_the_local_clock_shows_a_full_hour_or_changes() -> None:
    assert begins("2026-05-01T00:00Z", "2026-05-01T01:00Z", "hour", "Asia/Kolkata") == [
        "2026-05-01T05:00:00+05:30",
        "2026-05-01T06:00:00+05:30",
    ]
    assert begins("2026-05-01T00:00Z", "2026-05-01T00:15Z", "hour", "Asia/Kathmandu") == ["2026-05-01T05:00:00+05:45"]
    assert begins("2024-04-06T14:00Z", "2024-04-06T16:00Z", "hour", "Australia/Lord_Howe") == [
        "2024-04-07T01:00:00+11:00",
        "2024-04-07T01:30:00+10:30",
        "2024-04-07T02:00:00+10:30",
    ]
    assert begins("2024-10-05T14:30Z", "2024-10-05T16:30Z", "hour", "Australia/Lord_Howe") == [
        "2024-10-06T01:00:00+10:30",
        "2024-10-06T02:30:00+11:00",
        "2024-10-06T03:00:00+11:00",
    ]


def test_a_day_without_midnight_starts_after_it_and_a_skipped_day_is_no_bucket() -> None:
    assert begins("2017-10-14T12:00Z", "2017-10-15T12:00Z", "day", "America/Sao_Paulo") == [
        "2017-10-14T00:00:00-03:00",
        "2017-10-15T01:00:00-02:00",
    ]
    assert begins("2011-12-30T00:00Z", "2011-12-31T00:00Z", "day", "Pacific/Apia") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
    ]


def test_a_date_that_repeats_after_midnight_is_one_day() -> None:
    found = buckets_of(
        Range(datetime(2010, 11, 6, 12, tzinfo=UTC), datetime(2010, 11, 7, 12, tzinfo=UTC)),
        "day",
        ZoneInfo("America/St_Johns"),
    )
    assert found.numbers == [0, 1, 0, 1]
    assert [start.strftime("%dT%H:%M") for start in found.starts] == ["06T02:30", "07T02:30", "07T02:31", "07T03:30"]


def test_weeks_and_months_are_local() -> None:
    assert begins("2026-03-01T22:59Z", "2026-03-01T23:01Z", "week", "Europe/Berlin") == [
        "2026-02-23T00:00:00+01:00",
        "2026-03-02T00:00:00+01:00",
    ]
    assert begins("2026-03-31T21:59Z", "2026-03-31T22:01Z", "month", "Europe/Berlin") == [
        "2026-03-01T00:00:00+01:00",
        "2026-04-01T00:00:00+02:00",
    ]


@pytest.mark.parametrize(
    ("length", "bucket"),
    [
        (timedelta(minutes=500), "minute"),
        (timedelta(minutes=500, microseconds=1), "hour"),
        (timedelta(hours=500), "hour"),
        (timedelta(hours=501), "day"),
        (timedelta(days=500), "day"),
        (timedelta(days=501), "week"),
        (timedelta(weeks=501), "month"),
    ],
)
def test_auto_selects_the_finest_bucket_that_fits(length: timedelta, bucket: Bucket) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    found, buckets = fitting_buckets(Range(start, start + length), UTC)
    assert found == bucket
    assert len(buckets.begins) <= AUTO_BUCKETS


def test_auto_counts_local_buckets() -> None:
    start = datetime(2026, 2, 28, 23, tzinfo=UTC)  # midnight of Berlin
    days = Range(start, start + timedelta(days=500) - timedelta(hours=1))  # an hour is skipped
    assert fitting_buckets(days, ZoneInfo("Europe/Berlin"))[0] == "day"
    assert fitting_buckets(days, UTC)[0] == "week"
    longer = Range(start, days.end + timedelta(microseconds=1))
    assert fitting_buckets(longer, ZoneInfo("Europe/Berlin"))[0] == "week"


def test_explicit_buckets_are_limited() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    assert len(named_buckets(Range(start, start + timedelta(minutes=MAX_BUCKETS)), "minute", UTC).begins) == MAX_BUCKETS
    for length, bucket in ((timedelta(minutes=MAX_BUCKETS, seconds=1), "minute"), (LATEST - start, "day")):
        with pytest.raises(TooManyBucketsError, match=f"by the {bucket}, .*more than 10,000"):
            named_buckets(Range(start, start + length), bucket, UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "EST5EDT"])
def test_zones_are_known_by_their_iana_names(name: str) -> None:
    assert read_zone(name).utcoffset(datetime(2026, 1, 1)) is not None


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "europe/berlin", "Europe", "+02:00", "../UTC", "/etc/localtime", "localtime", "tzdata.zi",
     "right/Europe/Berlin", "posix/Europe/Berlin", "Factory", "a\0b", "x" * 5_000, "Europe/Berlin "],
)  # fmt: skip
def test_an_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        read_zone(name)


def test_in_every_zone_offsets_are_whole_minutes_and_no_change_of_clocks_is_missed() -> None:
    start, end = EARLIEST, datetime(2028, 1, 1, tzinfo=UTC)  # later times follow each zone's last rule
    days = [start + timedelta(days=day) for day in range(0, (end - start).days, 2)]
    seen = set()
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        alike = tuple(day.astimezone(zone).utcoffset() for day in days[::5])
        if alike in seen:
            continue  # another name of the same zone
        seen.add(alike)
        found = offsets(zone, start, end)
        assert all(offset % timedelta(minutes=1) == timedelta(0) for _, offset in found), name
        changes = [clock.since for clock in found[1:]]
        told = (found[bisect_right(changes, day)].offset for day in days)
        assert [day.astimezone(zone).utcoffset() for day in days] == list(told), name
        for one, following in pairwise(found):
            assert (following.since - timedelta(seconds=1)).astimezone(zone).utcoffset() == one.offset, name
            assert following.since.astimezone(zone).utcoffset() == following.offset != one.offset, name
    assert len(seen) > 100


def test_the_previous_range_has_the_same_length_or_number_of_local_days() -> None:
    def before(start: str, end: str, zone: str) -> tuple[str, str]:
        span = Range(datetime.fromisoformat(start).astimezone(UTC), datetime.fromisoformat(end).astimezone(UTC))
        found = range_before(span, ZoneInfo(zone))
        return found.start.isoformat(), found.end.isoformat()

    # the last days of March in Berlin: 23 hours on the 29th
    week = ("2026-03-29T00:00+01:00", "2026-04-05T00:00+02:00")
    assert before(*week, "Europe/Berlin") == ("2026-03-21T23:00:00+00:00", "2026-03-28T23:00:00+00:00")
    after = ("2026-04-01T00:00+02:00", "2026-04-08T00:00+02:00")
    assert before(*after, "Europe/Berlin") == ("2026-03-24T23:00:00+00:00", "2026-03-31T22:00:00+00:00")
    # its midnight was skipped; and the whole day was
    assert (
        before("2017-10-16T00:00-02:00", "2017-10-17T00:00-02:00", "America/Sao_Paulo")[0]
        == "2017-10-15T03:00:00+00:00"
    )
    assert before("2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00", "Pacific/Apia")[0] == "2011-12-30T10:00:00+00:00"
    assert before(*after, "UTC") == ("2026-03-24T22:00:00+00:00", "2026-03-31T22:00:00+00:00")
    assert before("2026-03-29T12:00Z", "2026-03-29T12:00:01Z", "Europe/Berlin") == (
        "2026-03-29T11:59:59+00:00",
        "2026-03-29T12:00:00+00:00",
    )


@given(TIMES, st.timedeltas(timedelta(microseconds=1), timedelta(days=40)), st.sampled_from(ZONES))
@example(CHANGES[0], timedelta(hours=23), "Europe/Berlin")
def test_the_previous_range_ends_at_the_start_of_the_range(start: datetime, length: timedelta, zone: str) -> None:
    span = Range(start, start + length)
    before = range_before(span, ZoneInfo(zone))
    assert before.end == span.start
    assert abs((before.end - before.start) - length) <= timedelta(hours=24)
