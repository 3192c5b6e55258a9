"""Answering a question from one snapshot of the read model."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import TailraceError
from migrations.pipeline import measure_lag
from query.database import Snapshot, snapshot
from query.stats.buckets import Buckets, fitting_buckets, named_buckets
from query.stats.counting import Counts, count_all_time, count_range, count_series
from query.stats.etag import is_named, make_etag
from query.stats.event_types import wanted_types
from query.stats.models import Previous, SeriesPoint, Stats, Top
from query.stats.question import StatsQuestion
from query.stats.ranges import Bucket, Range, closed_range, floor_to
from query.stats.top import count_values
from runtime.log.client import LogClient


class NoLongerKeptError(TailraceError):
    """Single events of that time were dropped: ask for whole hours, or for later ones."""


class Answer(NamedTuple):
    """``stats`` None: whoever asks has it already."""

    etag: str
    stats: Stats | None


class _Counted(NamedTuple):
    bucket: Bucket
    buckets: list[str]
    series: list[SeriesPoint]
    counts: Counts
    top: Top | None
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
    """Counts what was asked for, in ``timeout`` seconds at most, unless ``if_none_match`` names that answer.

    Raises:
        TooManyBucketsError: the bucket is too fine for the range.
        NoLongerKeptError: the question needs single events that were dropped.
        DatabaseUnavailableError: the database does not answer.
        QuestionTooSlowError: the time was not enough.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.row("position")
        etag = make_etag(position, question, salt)
        # while late events are on their way, counts change at one and the same position
        if is_named(etag, if_none_match) and not position["late_pending"]:
            return Answer(etag, None)
        _check_kept(question, position["raw_from"])
        projected = Cursor(position["epoch"], position["seq"], position["fingerprint"])
        measuring = asyncio.create_task(measure_lag(log, projected))
        try:
            counted = await _count(ask, question)
        except BaseException:
            measuring.cancel()
            raise
    lag = await measuring
    stats: Stats = {
        "from": question.start,
        "to": question.end,
        "bucket": counted.bucket,
        "buckets": counted.buckets,
        "tz": question.tz,
        "totals": counted.counts.totals,
        "by_type": counted.counts.by_type,
        "series": counted.series,
        "top": counted.top,
        "previous": counted.previous,
        "as_of": {
            "cursor": str(projected) if projected.epoch else None,
            "revision": position["revision"],
            "lag_events": lag.events,
            "lag_seconds": lag.seconds,
            "late_pending": position["late_pending"],
        },
    }
    return Answer(etag, stats)


def _check_kept(question: StatsQuestion, raw_from: datetime | None) -> None:
    if raw_from is None:
        return
    before = question.previous()
    ends = {"from": question.start, "to": question.end, "compare": before.start if before else None}
    for name, moment in ends.items():
        if moment is not None and moment < raw_from and moment != floor_to(moment, "hour"):
            raise NoLongerKeptError(
                f"{name}: before {raw_from:%Y-%m-%d} only counts of whole hours are kept, and {moment.isoformat()} is "
                "inside of one"
            )
    if question.top is not None and (question.start is None or question.start < raw_from):
        raise NoLongerKeptError(
            f"top: single events are kept from {raw_from:%Y-%m-%d} on: ask with a 'from' that is not earlier"
        )


async def _count(ask: Snapshot, question: StatsQuestion) -> _Counted:
    types = await wanted_types(ask, question.patterns)
    span = closed_range(question.start, question.end)
    bucket, buckets = await _buckets(ask, question, span)
    shown = buckets.shown(question.zone)
    series = await count_series(ask, _covered(question, span, buckets), buckets, shown, types)
    if question.start is None and question.end is None:
        counts = await count_all_time(ask, types, users=question.users)
    else:
        counts = await count_range(ask, span, types, series, users=question.users)
    top = await count_values(ask, span, types, question.top, question.top_limit) if question.top else None
    return _Counted(bucket, shown, series, counts, top, await _count_previous(ask, question, types))


async def _buckets(ask: Snapshot, question: StatsQuestion, span: Range) -> tuple[Bucket, Buckets]:
    """The buckets asked for, or those that fit; an open end is taken to be where the events end."""
    shown = span
    if question.start is None or question.end is None:
        row = await ask.row("span")
        first: datetime = row["first_bucket"] or span.end
        end = row["last_bucket"] + timedelta(minutes=1) if row["last_bucket"] else span.start
        shown = Range(span.start if question.start else first, span.end if question.end else end)
    if question.bucket == "auto":
        return fitting_buckets(shown, question.zone)
    return question.bucket, named_buckets(shown, question.bucket, question.zone)


def _covered(question: StatsQuestion, span: Range, buckets: Buckets) -> Range:
    """What the series is counted from: whole buckets at an open end."""
    if not buckets.starts:
        return Range(span.end, span.end)
    return Range(
        span.start if question.start else buckets.starts[0],
        span.end if question.end else buckets.end,
    )


async def _count_previous(ask: Snapshot, question: StatsQuestion, types: list[str] | None) -> Previous | None:
    before = question.previous()
    if before is None:
        return None
    span = closed_range(*before)
    one_bucket = Buckets([span.start], [span.start], [0], span.end)
    series = await count_series(ask, span, one_bucket, one_bucket.shown(question.zone), types)
    counts = await count_range(ask, span, types, series, users=question.users)
    return {"from": before.start, "to": before.end, "totals": counts.totals, "by_type": counts.by_type}
