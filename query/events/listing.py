"""One page of events, from one snapshot of the read model."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from contracts.patterns import TypePattern
from query.as_of import cursor_of
from query.database import Snapshot, snapshot
from query.events.log_entries import find_entries
from query.events.models import EventsQuestion
from query.events.page_token import PageStart
from query.events.windows import Wanted, narrow, windows
from query.parameters import shown_user
from query.users import types_of_user
from runtime.log.client import LogClient

MAX_SCANNED = 1_000
"""Newest events that are scanned one by one: enough for a page of any type that is not rare. Only older events are
found through the counts."""


async def list_events(
    pool: "asyncpg.Pool", log: LogClient, question: EventsQuestion, user: int | None, timeout: float
) -> dict[str, Any]:
    """Returns a page of the events of a user, or of all, as ``EventsPage`` describes it.

    While the log is away, its cursors have no fingerprints.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        QueryTimeoutError: the database needed more than ``timeout`` seconds.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.position()
        # one extra row shows whether there is a next page
        rows = await newest(ask, question, user, position["raw_from"], question.limit + 1)
    shown = rows[: question.limit]
    entries = await find_entries(log, position["epoch"], ((row["seq"], row["event_id"]) for row in shown))
    projected = cursor_of(position)
    return {
        "events": [show(row, row["event_id"], found.cursor) for row, found in zip(shown, entries, strict=True)],
        "next": PageStart(shown[-1]["created_at"], shown[-1]["seq"]).token if len(rows) > len(shown) else None,
        "as_of": {
            "cursor": str(projected) if projected.epoch else None,
            "revision": position["revision"],
            "stale": ask.stale,
            "kept_from": position["raw_from"],
        },
    }


def show(row: Any, event_id: Any, cursor: str) -> dict[str, Any]:
    """Returns a row as ``ShownEvent`` describes it; its data stays the database's text, with every digit."""
    return {
        "cursor": cursor,
        "event_id": event_id,
        "event_type": row["event_type"],
        "user_id": shown_user(row["user_id"]),
        "created_at": row["created_at"],
        "event_data": msgspec.Raw(row["event_data"].encode()),
    }


async def newest(
    ask: Snapshot, question: EventsQuestion, user: int | None, raw_from: datetime | None, count: int
) -> list[Any]:
    """Returns the first ``count`` rows of the page; ``raw_from`` is the start of the retained events."""
    wanted = await _wanted(ask, question, user)
    rows: list[Any] = []
    if wanted.types == []:
        return rows
    first, start = max(question.first, raw_from or question.first), question.page_start
    to_scan = MAX_SCANNED if wanted.types is not None else 0
    for window in windows(first, start, datetime.now(UTC)):
        if len(rows) == count:
            break
        if to_scan > 0:
            found = await ask.rows("events_scanned", *window, *start, *wanted, to_scan, count - len(rows))
            rows += [row for row in found if row["seq"] is not None]
            to_scan -= found[0]["scanned"]
            if to_scan > 0 or len(rows) == count:
                continue  # the scan covered the window, or filled the page
            start = PageStart(found[0]["oldest"], found[0]["oldest_seq"])
            window = window._replace(end=start.end)
        if ranges := await narrow(ask, wanted, window, count - len(rows)):
            starts, ends = [one.start for one in ranges], [one.end for one in ranges]
            range_and_start = (starts[-1], ends[0], *start)
            rows += await ask.rows("events_listed", starts, ends, *range_and_start, *wanted, count - len(rows))
    return rows


async def _wanted(ask: Snapshot, question: EventsQuestion, user: int | None) -> Wanted:
    """Returns the requested types that the read model has; with a user, only the types of that user's events."""
    types = await ask.event_types([TypePattern(text) for text in question.event_type])
    if user is not None:
        types = await types_of_user(ask, user, types)
    return Wanted(types, user)
