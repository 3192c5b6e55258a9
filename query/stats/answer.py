"""Answers a question from one snapshot of the read model."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from migrations.pipeline import measure_lag
from query.as_of import as_of, cursor_of
from query.buckets import Buckets, fitting_buckets, named_buckets
from query.database import Snapshot, snapshot
from query.parameters import Bucket, Range, bucket_start, closed_range
from query.stats.counting import Counts, count_all_time, count_range, count_series, series_points
from query.stats.etag import make_etag, matches_etag
from query.stats.matching import compare_matching, count_matching, one_bucket, shown_matching
from query.stats.models import Matching, OtherPoint, Previous, SeriesPoint, Stats, Top
from query.stats.question import NoLongerKeptError, StatsQuestion
from query.stats.top import count_top
from query.users import Intervals, cover_ranges
from runtime.log.client import LogClient


class Answer(NamedTuple):
    """An answer and its ETag; ``stats`` is None if the client already has it."""

    etag: str
    stats: Stats | None


class _Counted(NamedTuple):
    bucket: Bucket
    buckets: list[str]
    series: list[SeriesPoint]
    other_series: list[OtherPoint]
    users_per_bucket: list[int] | None
    counts: Counts
    top: Top | None
    matching: Matching | None
    previous: Previous | None


async def answer(
    pool: "asyncpg.Pool",
    log: LogClient,
    question: StatsQuestion,
    *,
    timeout: float,
    salt: str,
    if_none_match: str | None,
) -> Answer:
    """Counts in at most ``timeout`` seconds; returns only the ETag if ``if_none_match`` names it.

    Raises:
        TooManyBucketsError: the bucket is too short for the range.
        NoLongerKeptError: the answer needs single events that retention dropped.
        DatabaseUnavailableError: the database does not answer.
        QueryTimeoutError: the time limit was reached.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.position()
        etag = make_etag(position, question, salt)
        # while late events are pending, counts change at one and the same position
        if matches_etag(etag, if_none_match) and not position["late_pending"]:
            return Answer(etag, None)
        _check_kept(question, position["raw_from"])
        measuring = asyncio.create_task(measure_lag(log, cursor_of(position)))
        try:
            counted = await _count(ask, question, position["raw_from"])
        except BaseException:
            measuring.cancel()
            raise
    lag = await measuring
    others = counted.counts.other_types
    stats: Stats = {
        "from": question.start,
        "to": question.end,
        "bucket": counted.bucket,
        "buckets": counted.buckets,
        "tz": question.tz,
        "totals": counted.counts.totals,
        "by_type": counted.counts.by_type,
        "series": counted.series,
        "other_types": {**others, "series": counted.other_series} if others else None,
        "users_per_bucket": counted.users_per_bucket,
        "users_per_type": counted.counts.users_per_type,
        "top": counted.top,
        "matching": counted.matching,
        "previous": counted.previous,
        "as_of": {
            **as_of(position, lag),
            "late_pending": position["late_pending"],
            "stale": ask.stale,
        },
    }
    return Answer(etag, stats)


def _check_kept(question: StatsQuestion, raw_from: datetime | None) -> None:
    if raw_from is None:
        return
    before = question.previous()
    ends = {"from": question.start, "to": question.end, "compare": before.start if before else None}
    for name, time in ends.items():
        if time is not None and time < raw_from and time != bucket_start(time, "hour"):
            raise NoLongerKeptError(
                f"{name}: before {raw_from:%Y-%m-%d} only counts of whole hours are kept, and {time.isoformat()} is "
                "within an hour"
            )
    first = before.start if before else question.start
    if question.where and (first is None or first < raw_from):
        raise NoLongerKeptError(
            f"where: single events are kept from {raw_from:%Y-%m-%d}: request a 'from' that is not earlier"
        )


async def _count(ask: Snapshot, question: StatsQuestion, raw_from: datetime | None) -> _Counted:
    types = await ask.event_types(question.patterns)
    whole = closed_range(question.start, question.end)
    bucket, buckets = await _buckets(ask, question, whole)
    labels = buckets.formatted(question.zone)
    covered = _covered(question, whole, buckets)
    if question.where:
        return await _count_matching(ask, question, types, covered, bucket, buckets, raw_from)
    is_all_time = question.start is None and question.end is None
    of_all_time = None
    if is_all_time:
        of_all_time = await count_all_time(ask, types, question.type_limit, users=question.users is not False)
    first = of_all_time.named if of_all_time else []
    series = await count_series(ask, covered, buckets, types, question.type_limit, first)
    intervals = None
    if question.users == "series":
        intervals = await _intervals(covered, buckets, raw_from)
    elif question.users and not is_all_time:
        intervals = await cover_ranges([whole], [0])
    of_range, users = await count_range(ask, intervals, types, series)
    counts = of_all_time or of_range
    of_series = users if question.users == "series" else None
    points, others = series_points(series, labels, of_series)
    per_bucket = [of_series.by_bucket.get((number, ""), 0) for number in range(len(labels))] if of_series else None
    top = await count_top(ask, question, types, raw_from)
    previous = await _count_previous(ask, question, types, counts.named)
    return _Counted(bucket, labels, points, others, per_bucket, counts, top, None, previous)


async def _count_matching(
    ask: Snapshot,
    question: StatsQuestion,
    types: list[str] | None,
    covered: Range,
    bucket: Bucket,
    buckets: Buckets,
    raw_from: datetime | None,
) -> _Counted:
    found = await count_matching(ask, covered, buckets, types, question)
    labels = buckets.formatted(question.zone)
    of_series = found.users if question.users == "series" else None
    per_bucket = [of_series.by_bucket.get((number, ""), 0) for number in range(len(labels))] if of_series else None
    points, others = series_points(found.series, labels, of_series)
    top = await count_top(ask, question, types, raw_from)
    previous, partial_before = await compare_matching(ask, question, types, found.counts.named)
    matching = shown_matching(found, partial_before, question)
    return _Counted(bucket, labels, points, others, per_bucket, found.counts, top, matching, previous)


async def _intervals(covered: Range, buckets: Buckets, raw_from: datetime | None) -> Intervals:
    """Returns the intervals whose users a series counts.

    Raises:
        NoLongerKeptError: retention dropped single events that they need.
    """
    ends = [*buckets.starts[1:], buckets.end]
    ranges = [
        Range(max(start, covered.start), min(end, covered.end))
        for start, end in zip(buckets.starts, ends, strict=False)
    ]
    intervals = await cover_ranges(ranges, buckets.numbers)
    if raw_from is not None and any(rest.start < raw_from for rest in intervals.rests):
        raise NoLongerKeptError(
            f"users: before {raw_from:%Y-%m-%d} only users of whole quarter hours are kept: request coarser buckets, "
            "or a later 'from'"
        )
    return intervals


async def _buckets(ask: Snapshot, question: StatsQuestion, whole: Range) -> tuple[Bucket, Buckets]:
    """Returns the requested buckets, or those that fit; an open range starts and ends with its events."""
    shown = whole
    if question.start is None or question.end is None:
        row = await ask.row("span")
        first: datetime = row["first_bucket"] or whole.end
        end = row["last_bucket"] + timedelta(minutes=1) if row["last_bucket"] else whole.start
        shown = Range(whole.start if question.start else first, whole.end if question.end else end)
    if question.bucket == "auto":
        return fitting_buckets(shown, question.zone)
    return question.bucket, named_buckets(shown, question.bucket, question.zone)


def _covered(question: StatsQuestion, whole: Range, buckets: Buckets) -> Range:
    """Returns the range that the series counts: whole buckets at an open end."""
    if not buckets.starts:
        return Range(whole.end, whole.end)
    return Range(
        whole.start if question.start else buckets.starts[0],
        whole.end if question.end else buckets.end,
    )


async def _count_previous(
    ask: Snapshot, question: StatsQuestion, types: list[str] | None, first: list[str]
) -> Previous | None:
    """Counts the period before, if requested; names the types ``first`` that the range names."""
    before = question.previous()
    if before is None:
        return None
    whole = closed_range(*before)
    series = await count_series(ask, whole, one_bucket(whole), types, question.type_limit, first)
    intervals = await cover_ranges([whole], [0]) if question.users else None
    counts, _ = await count_range(ask, intervals, types, series)
    return {
        "from": before.start,
        "to": before.end,
        "totals": counts.totals,
        "by_type": counts.by_type,
        "other_types": counts.other_types,
    }
