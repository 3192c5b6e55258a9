"""Answering a question from one snapshot of the read model."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import TailraceError
from tailrace.query.database import Snapshot, snapshot
from tailrace.query.stats.lag import measure_lag
from tailrace.query.stats.models import AsOf, SeriesPoint, Stats, StatsQuestion, Totals, TypeTotals
from tailrace.query.stats.ranges import (
    MAX_BUCKETS,
    Bucket,
    Range,
    closed_range,
    count_buckets,
    cut,
    cut_at_hours,
    fitting_bucket,
    floor_to,
)
from tailrace.runtime.log.client import LogClient


class TooManyBucketsError(TailraceError):
    """The series would be too long: ask for a coarser bucket or a shorter range."""


class NoLongerKeptError(TailraceError):
    """Single events of that time were dropped: ask for whole hours."""


class _Counts(NamedTuple):
    """``totals`` per event type and, under "", of all together."""

    bucket: Bucket
    series: list[SeriesPoint]
    totals: dict[str, Totals]


async def answer(pool: "asyncpg.Pool", log: LogClient, question: StatsQuestion, timeout: float) -> Stats:
    """Counts what was asked for, in ``timeout`` seconds at most.

    Raises:
        TooManyBucketsError: the bucket is too fine for the range.
        NoLongerKeptError: the range cuts through an hour whose single events were dropped.
        DatabaseUnavailableError: the database does not answer.
        QuestionTooSlowError: the time was not enough.
    """
    async with snapshot(pool, timeout) as ask:
        row = await ask.row("position")
        _check_kept(question, row["raw_from"])
        counts = await _count(ask, question)
    projected = Cursor(row["epoch"], row["seq"], row["mark"])
    lag = await measure_lag(log, projected)
    return Stats(
        start=question.start,
        end=question.end,
        bucket=counts.bucket,
        totals=counts.totals.get("", Totals(events=0, users=0)),
        by_type=[
            TypeTotals(event_type=event_type, events=totals.events, users=totals.users)
            for event_type, totals in sorted(counts.totals.items())
            if event_type
        ],
        series=counts.series,
        as_of=AsOf(
            cursor=str(projected) if projected.epoch else None,
            revision=row["revision"],
            lag_events=lag.events,
            lag_seconds=lag.seconds,
            late_pending=row["late_pending"],
        ),
    )


def _check_kept(question: StatsQuestion, raw_from: datetime | None) -> None:
    for name, moment in (("from", question.start), ("to", question.end)):
        if raw_from is not None and moment is not None and moment < raw_from and moment != floor_to(moment, "hour"):
            raise NoLongerKeptError(
                f"{name}: before {raw_from:%Y-%m-%d} only counts of whole hours are kept, and {moment.isoformat()} is "
                "inside of one"
            )


async def _count(ask: Snapshot, question: StatsQuestion) -> _Counts:
    types = question.event_type or None
    span = closed_range(question.start, question.end)
    bucket = await _bucket(ask, question, span)
    rows = await ask.rows("series", bucket, *cut(span, bucket), types)
    series = [
        SeriesPoint.model_construct(bucket=row["bucket"], event_type=row["event_type"], events=row["events"])
        for row in rows
    ]
    if question.start is None and question.end is None:
        return _Counts(bucket, series, await _totals_of_all_time(ask, types))
    return _Counts(bucket, series, await _totals_in_range(ask, span, types, series))


async def _bucket(ask: Snapshot, question: StatsQuestion, span: Range) -> Bucket:
    """The bucket asked for, or the one that fits; an open end is taken to be where the events end."""
    shown = await _shown(ask, question, span)
    if question.bucket == "auto":
        return fitting_bucket(shown)
    buckets = count_buckets(shown, question.bucket)
    if buckets > MAX_BUCKETS:
        raise TooManyBucketsError(
            f"bucket: by the {question.bucket} this range has {buckets:,} buckets, at most {MAX_BUCKETS:,} are given: "
            "take a coarser bucket or a shorter range"
        )
    return question.bucket


async def _shown(ask: Snapshot, question: StatsQuestion, span: Range) -> Range:
    if question.start is not None and question.end is not None:
        return span
    row = await ask.row("span")
    first: datetime = row["first_bucket"] or span.end
    last: datetime = row["last_bucket"] or span.start
    return Range(
        span.start if question.start else first,
        span.end if question.end else last + timedelta(minutes=1),
    )


async def _totals_of_all_time(ask: Snapshot, types: list[str] | None) -> dict[str, Totals]:
    rows = await ask.rows("all_time", types)
    totals = {row["event_type"]: Totals(events=row["events"], users=row["users"]) for row in rows}
    if types is not None:
        users = (await ask.row("users_of_types", types))["users"]
        totals[""] = Totals(events=sum(of_type.events for of_type in totals.values()), users=users)
    return totals


async def _totals_in_range(
    ask: Snapshot, span: Range, types: list[str] | None, series: list[SeriesPoint]
) -> dict[str, Totals]:
    events: Counter[str] = Counter()
    for point in series:
        events[point.event_type] += point.events
        events[""] += point.events
    rows = await ask.rows("users_in_range", *cut_at_hours(span), types)
    return {row["event_type"]: Totals(events=events[row["event_type"]], users=row["users"]) for row in rows}
