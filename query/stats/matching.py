"""Counts the events that fulfil conditions on their properties, by reading single events."""

from collections.abc import Sequence
from typing import NamedTuple

from query.buckets import Buckets
from query.database import Snapshot
from query.parameters import Range
from query.stats.counting import Counts, Series
from query.stats.models import Matching, Previous
from query.stats.question import StatsQuestion
from query.stats.top import limited_time, newest_events
from query.users import OTHER, UserCounts
from query.where import parse_where


class Matched(NamedTuple):
    """The counts of a range with conditions, as those of a range without, and which events were read for them."""

    series: Series
    counts: Counts
    users: UserCounts
    read: Range
    partial: bool


async def count_matching(
    ask: Snapshot,
    whole: Range,
    buckets: Buckets,
    types: list[str] | None,
    question: StatsQuestion,
    first: Sequence[str] = (),
) -> Matched:
    """Counts events and users, of the newest events of a range if it has many; names the types ``first``.

    Raises:
        QueryTimeoutError: the time limit was reached.
    """
    counted, partial = await newest_events(ask, whole)
    async with limited_time("where"):
        rows = await ask.rows_where(
            "matching_series",
            parse_where(question.where),
            *counted,
            types,
            buckets.starts,
            buckets.numbers,
            question.type_limit,
            first,
        )
    kinds = ["" if row["all_types"] else row["event_type"] or OTHER for row in rows]
    pairs = list(zip(rows, kinds, strict=True))
    number_of_types = rows[0]["types"]
    series = Series(
        [(row["number"], kind, row["events"]) for row, kind in pairs if row["number"] is not None and kind],
        number_of_types,
    )
    of_range = {kind: row for row, kind in pairs if row["number"] is None}
    users = UserCounts(
        {kind: row["users"] for kind, row in of_range.items()},
        {(row["number"], kind): row["users"] for row, kind in pairs if row["number"] is not None},
        per_type=True,
    )
    counts = Counts(
        {kind: row["events"] for kind, row in of_range.items() if row["events"] is not None},
        users.by_type if question.users else None,
        users_per_type=bool(question.users),
        others=number_of_types - len(of_range.keys() - {"", OTHER}),
    )
    return Matched(series, counts, users, counted, partial)


async def compare_matching(
    ask: Snapshot, question: StatsQuestion, types: list[str] | None, first: Sequence[str]
) -> tuple[Previous | None, bool]:
    """Returns the counts of the previous period, and whether not all of its events were read."""
    before = question.previous()
    if before is None:
        return None, False
    found = await count_matching(ask, before, one_bucket(before), types, question, first)
    previous: Previous = {
        "from": before.start,
        "to": before.end,
        "totals": found.counts.totals,
        "by_type": found.counts.by_type,
        "other_types": found.counts.other_types,
    }
    return previous, found.partial


def one_bucket(whole: Range) -> Buckets:
    """Returns a range as one bucket."""
    return Buckets([whole.start], [whole.start], [0], whole.end)


def shown_matching(found: Matched, partial_before: bool, question: StatsQuestion) -> Matching:
    """Returns which events were read, as answers show it."""
    return Matching(
        partial=found.partial or partial_before, counted_from=found.read.start if found.partial else question.start
    )
