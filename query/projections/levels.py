"""Which buckets of a rollup answer for which part of a range."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from query.errors import BadParameterError
from query.parameters import Bucket, Range, bucket_start, closed_range, parse_timestamp
from query.projections.question import RowsQuestion
from tailrace.declared import SECONDS, Level, RollupDefinition

BUCKETS: dict[Bucket, int] = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_419_200}
"""Seconds per bucket, at least."""


class NotKeptError(BadParameterError):
    """The rollup keeps no buckets that are short enough: the message says what is possible."""


class Part(NamedTuple):
    """Whole buckets of a level, from ``start`` up to ``end`` (UTC)."""

    level: Level
    start: datetime
    end: datetime


def parts_of(definition: RollupDefinition, question: RowsQuestion) -> list[Part]:
    """Returns the parts of the requested range, each of the longest kept buckets that fit.

    Raises:
        NotKeptError: the range, or the bucket, needs shorter buckets than are kept.
    """
    longest = BUCKETS[question.bucket] if question.bucket else BUCKETS["month"]
    levels = [level for level in reversed(definition.every) if SECONDS[level] <= longest]
    if not levels:
        possible = [bucket for bucket, seconds in BUCKETS.items() if seconds >= SECONDS[definition.every[0]]]
        raise NotKeptError(
            f"bucket: {definition.name} keeps no buckets per {question.bucket}; possible are {', '.join(possible)}"
        )
    now = datetime.now(UTC)
    start, end = (
        _aligned(name, text, levels[-1], now) for name, text in (("from", question.start), ("to", question.end))
    )
    if start is not None and end is not None and start >= end:
        raise NotKeptError(f"'to' must be later than 'from': both are in the {levels[-1]} of {_shown(start)}")
    return _split(closed_range(start, end), levels)


def _aligned(name: str, text: str | None, level: Level, now: datetime) -> datetime | None:
    if text is None:
        return None
    time = parse_timestamp(text, now)
    start = bucket_start(time, level)
    if start != time and not text.startswith("-"):
        following = start + timedelta(seconds=SECONDS[level])
        raise NotKeptError(
            f"{name}: {text} is within a {level}, the shortest buckets that are kept (UTC): request "
            f"{_shown(start)} or {_shown(following)}"
        )
    return start


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _split(whole: Range, levels: Sequence[Level]) -> list[Part]:
    if whole.start >= whole.end:
        return []
    level, *finer = levels
    low, high = bucket_start(whole.start, level), bucket_start(whole.end, level)
    if low < whole.start:
        low += timedelta(seconds=SECONDS[level])
    if low >= high:
        return _split(whole, finer) if finer else []
    before, after = Range(whole.start, low), Range(high, whole.end)
    return [
        *(_split(before, finer) if finer else []),
        Part(level, low, high),
        *(_split(after, finer) if finer else []),
    ]
