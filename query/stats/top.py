"""The most frequent values of a property: of paths from the rollup ``pages``, of others from single events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from pyroaring import BitMap

from contracts.events import EARLIEST
from migrations.rollup_sets import set_key, unpack
from query.database import Snapshot
from query.errors import QueryTimeoutError
from query.parameters import Range, bucket_start, closed_range
from query.stats.models import Top, TopValue
from query.stats.question import NoLongerKeptError, StatsQuestion
from query.where import Where, keys_of, parse_where
from tailrace.declared import PAGES

MAX_TOP_EVENTS = 1_000_000
"""Events of which the values of a property are counted; each costs about 1.5 µs of the database."""
TOP_TIMEOUT = 5.0
"""Seconds that counting them may take."""


async def count_top(
    ask: Snapshot, question: StatsQuestion, types: list[str] | None, raw_from: datetime | None
) -> Top | None:
    """Counts the values of the property that a question asks for, of event types (None: all); None if it asks for none.

    Raises:
        NoLongerKeptError: retention dropped single events that it needs.
        QueryTimeoutError: the time limit was reached.
    """
    if question.top is None:
        return None
    chosen = None
    whole = closed_range(question.start, question.end)
    if question.top == PAGES.by["path"] and types is None:
        known = {row["event_type"] for row in await ask.rows("all_time", None)}
        types = chosen = sorted(known.intersection(PAGES.events)) or None
    users = question.users is not False
    asked = _Asked(question.top, question.top_limit, types, chosen, parse_where(question.where), users)
    has_pages = (
        ask.keeps_pages
        and not question.where
        and question.top == PAGES.by["path"]
        and set(types or ["*"]) <= set(PAGES.events)
    )
    has_pages = has_pages and (question.end is None or _is_midnight(whole.end))
    if has_pages and (question.start is None or _is_midnight(whole.start)):
        found = await _count_pages(ask, whole, asked, partial=False)
        if found is not None:
            return found
    if raw_from is not None and whole.start < raw_from:
        raise NoLongerKeptError(
            f"top: single events are kept from {raw_from:%Y-%m-%d}: request a 'from' that is not earlier"
        )
    counted, partial = await newest_events(ask, whole)
    if not partial:
        return await _count_events(ask, whole, asked, partial=False)
    following = bucket_start(whole.start, "day") + timedelta(days=1)
    if has_pages and following < whole.end:
        found = await _count_pages(ask, whole._replace(start=following), asked, partial=True)
        if found is not None:
            return found
    return await _count_events(ask, counted, asked, partial=True)


async def newest_events(ask: Snapshot, whole: Range) -> tuple[Range, bool]:
    """Returns the part of a range that has its newest ``MAX_TOP_EVENTS``, and whether the range has more."""
    first_hour = bucket_start(whole.start, "hour")
    start = (await ask.row("top_start", first_hour, whole.end, MAX_TOP_EVENTS))["start"]
    is_partial = start is not None and start > whole.start
    return (whole._replace(start=start) if is_partial else whole), is_partial


@asynccontextmanager
async def limited_time(parameter: str) -> AsyncIterator[None]:
    """Limits the time of reading single events to ``TOP_TIMEOUT``.

    Raises:
        QueryTimeoutError: the time limit was reached; it names the parameter.
    """
    try:
        async with asyncio.timeout(TOP_TIMEOUT):
            yield
    except TimeoutError:
        raise QueryTimeoutError(
            f"{parameter}: counting took more than {TOP_TIMEOUT:g} s: request a shorter range"
        ) from None


class _Asked(NamedTuple):
    """A property, how many values of it, the event types (None: all), and those that were not asked for by name.

    Events fulfil the conditions ``where``; ``users`` says whether users are counted in single events.
    """

    name: str
    limit: int
    types: list[str] | None
    chosen: list[str] | None
    where: Where
    users: bool


def _is_midnight(time: datetime) -> bool:
    return time == bucket_start(time, "day")


async def _count_pages(ask: Snapshot, days: Range, asked: _Asked, *, partial: bool) -> Top | None:
    """Counts paths and their visitors; None if the types of paths beyond a day's limit are needed."""
    types = asked.types or []
    rows = await ask.rows("top_pages", *days, types, asked.limit)
    rest = {row["kind"]: row["events"] for row in rows if row["kind"] != "value"}
    if rest["beyond"] and asked.chosen is None and len(types) < len(PAGES.events):
        return None
    paths = [row["path"] for row in rows if row["kind"] == "value"]
    keys = {set_key(False, (path, event_type)): path for path in paths for event_type in types}
    stored = await ask.rows("page_visitors", *days, list(keys))
    recent = await ask.rows("page_set_log")

    def count() -> dict[str, int]:
        sets: dict[str, list[BitMap]] = {path: [] for path in paths}
        for row in stored:
            sets[keys[row["key"]]].append(BitMap.deserialize(row["members"]))
        start, end = (time.timestamp() for time in days)
        for row in recent:
            for cell in unpack(row["cells"]):
                path, event_type = cell.dims
                if start <= cell.bucket < end and not cell.other and path in sets and event_type in types:
                    sets[path].append(cell.users)
        return {path: len(BitMap.union(BitMap(), *several)) for path, several in sets.items()}

    users = await asyncio.to_thread(count)
    return Top(
        property=asked.name,
        source="pages",
        event_types=asked.chosen,
        partial=partial,
        counted_from=_shown(days.start),
        values=[
            TopValue(value=row["path"], events=row["events"], users=users[row["path"]])
            for row in rows
            if row["kind"] == "value"
        ],
        other=rest["other"],
        missing=rest["missing"],
    )


def _shown(start: datetime) -> datetime | None:
    return start if start > EARLIEST else None


async def _count_events(ask: Snapshot, counted: Range, asked: _Asked, *, partial: bool) -> Top:
    """Counts the values of the property ``event_data.<key>.<key>`` in single events."""
    async with limited_time("top"):
        rows = await ask.rows_where(
            "top", asked.where, keys_of(asked.name), *counted, asked.types, asked.limit, asked.users
        )
    rest = {row["kind"]: row["events"] for row in rows if row["kind"] != "value"}
    # a value stays the database's JSON text, so its numbers keep all digits
    values = [
        TopValue(
            value=msgspec.Raw(row["value"].encode()),
            events=row["events"],
            users=row["users"] if asked.users else None,
        )
        for row in rows
        if row["kind"] == "value"
    ]
    return Top(
        property=asked.name,
        source="events",
        event_types=asked.chosen,
        partial=partial,
        counted_from=_shown(counted.start),
        values=values,
        other=rest["other"],
        missing=rest["missing"],
    )
