"""Counts the users of each cohort that return, by intersecting sets of users."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

import asyncpg
from pydantic import Field
from pyroaring import BitMap
from typing_extensions import TypedDict

from migrations.pipeline import measure_lag
from query.as_of import ModelAsOf, as_of, cursor_of
from query.buckets import Buckets, named_buckets
from query.database import snapshot
from query.errors import BadParameterError
from query.parameters import LATEST, Range, closed_range
from query.retention.question import RetentionQuestion
from query.users import cover_ranges, read_users
from runtime.log.client import LogClient

DEFAULT_BUCKETS = 12
MAX_BUCKETS = 100
_LONGEST_DAYS = {"day": 2, "week": 8, "month": 32}


class Cohort(TypedDict):
    """The users whose first event of the cohort's types in the range is in one bucket."""

    bucket: Annotated[datetime, Field(description="Start of the bucket, with the offset of `tz`.")]
    users: Annotated[int, Field(description="The size of the cohort.")]
    returning: Annotated[
        list[int],
        Field(description="Users of the cohort with a returning event in the same bucket, in the next one, and so on."),
    ]


Retention = TypedDict(
    "Retention",
    {
        "from": Annotated[datetime, Field(description="Start of the first bucket (UTC).")],
        "to": Annotated[datetime, Field(description="End of the last bucket (UTC).")],
        "bucket": Literal["day", "week", "month"],
        "tz": str,
        "cohorts": list[Cohort],
        "as_of": ModelAsOf,
    },
)


async def answer(pool: "asyncpg.Pool", log: LogClient, question: RetentionQuestion, *, timeout: float) -> Retention:
    """Counts in at most ``timeout`` seconds.

    Raises:
        BadParameterError: the range has too many buckets.
        DatabaseUnavailableError, QueryTimeoutError: the database does not answer in time.
    """
    buckets = _buckets(question)
    labels = [begin.astimezone(question.zone) for begin in buckets.begins]
    async with snapshot(pool, timeout) as ask:
        position = await ask.position()
        cohort_types = await ask.event_types(question.cohort_patterns)
        returning_types = await ask.event_types(question.returning_patterns)
        ends = [*buckets.starts[1:], buckets.end]
        ranges = [Range(start, end) for start, end in zip(buckets.starts, ends, strict=True)]
        intervals = await cover_ranges(ranges, buckets.numbers)
        raw_from = position["raw_from"]
        if raw_from is not None and any(rest.start < raw_from for rest in intervals.rests):
            raise BadParameterError(f"tz: before {raw_from:%Y-%m-%d} only users of whole quarter hours are kept")
        entered = await read_users(ask, intervals, cohort_types)
        active = await read_users(ask, intervals, returning_types)
    counted = await asyncio.to_thread(_count, len(labels), entered, active)
    lag = await measure_lag(log, cursor_of(position))
    return {
        "from": buckets.begins[0],
        "to": buckets.end,
        "bucket": question.bucket,
        "tz": question.tz,
        "cohorts": [
            {"bucket": label, "users": users, "returning": returning}
            for label, (users, returning) in zip(labels, counted, strict=True)
        ],
        "as_of": {**as_of(position, lag), "stale": ask.stale},
    }


def _buckets(question: RetentionQuestion) -> Buckets:
    """Returns the buckets that the range touches, whole."""
    whole = closed_range(question.start, min(question.end, LATEST))
    if question.start is None:
        longest = DEFAULT_BUCKETS * _LONGEST_DAYS[question.bucket]
        found = named_buckets(Range(whole.end - timedelta(days=longest), whole.end), question.bucket, question.zone)
        whole = Range(found.begins[-DEFAULT_BUCKETS], whole.end)
    found = named_buckets(whole, question.bucket, question.zone)
    if len(found.begins) > MAX_BUCKETS:
        raise BadParameterError(
            f"bucket: the range has {len(found.begins):,} buckets, and at most {MAX_BUCKETS} are possible: request "
            "longer buckets or a shorter range"
        )
    return found


def _count(buckets: int, entered: Mapping[int, BitMap], active: Mapping[int, BitMap]) -> list[tuple[int, list[int]]]:
    none = BitMap()
    known = BitMap()
    counted = []
    for number in range(buckets):
        cohort = entered.get(number, none) - known
        known |= cohort
        later = (active.get(other, none) for other in range(number, buckets))
        counted.append((len(cohort), [cohort.intersection_cardinality(users) for users in later]))
    return counted
