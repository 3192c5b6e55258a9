"""One page of events, from one snapshot of the read model."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from contracts.cursors import Cursor
from contracts.patterns import TypePattern
from query.database import Snapshot, snapshot
from query.events.cursors import look
from query.events.locating import Wanted, locate, windows
from query.events.models import EventsQuestion
from query.events.paging import Place
from query.stats.event_types import wanted_types
from runtime.log.client import LogClient

LOOKED_AT = 1_000
"""Events that are looked at one by one, the newest first: of a type that is not rare, they have a page. Only behind
them the counts are asked where the others are."""


async def list_events(pool: "asyncpg.Pool", log: LogClient, question: EventsQuestion, timeout: float) -> dict[str, Any]:
    """A page, as ``EventsPage`` describes it; without the log it has cursors without fingerprints.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        QuestionTooSlowError: ``timeout`` seconds were not enough.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.row("position")
        # one more than is shown tells whether there is a next page
        rows = await newest(ask, question, position["raw_from"], question.limit + 1)
    shown = rows[: question.limit]
    looked = await look(log, position["epoch"], ((row["seq"], row["event_id"]) for row in shown))
    projected = Cursor(position["epoch"], position["seq"], position["fingerprint"])
    return {
        "events": [show(row, row["event_id"], found.cursor) for row, found in zip(shown, looked, strict=True)],
        "next": Place(shown[-1]["created_at"], shown[-1]["seq"]).token if len(rows) > len(shown) else None,
        "as_of": {
            "cursor": str(projected) if projected.epoch else None,
            "revision": position["revision"],
            "kept_from": position["raw_from"],
        },
    }


def show(row: Any, event_id: Any, cursor: str) -> dict[str, Any]:
    """A row as ``ShownEvent`` describes it; its data stays the database's text, with every digit."""
    return {
        "cursor": cursor,
        "event_id": event_id,
        "event_type": row["event_type"],
        "user_id": row["user_id"],
        "created_at": row["created_at"],
        "event_data": msgspec.Raw(row["event_data"].encode()),
    }


async def newest(ask: Snapshot, question: EventsQuestion, raw_from: datetime | None, count: int) -> list[Any]:
    """The first ``count`` rows of the page, of what is kept (from ``raw_from`` on)."""
    wanted = await _wanted(ask, question)
    rows: list[Any] = []
    if wanted.types == []:
        return rows
    first, place = max(question.first, raw_from or question.first), question.place
    unlooked = LOOKED_AT if wanted.types is not None else 0
    for window in windows(first, place, datetime.now(UTC)):
        if len(rows) == count:
            break
        if unlooked > 0:
            found = await ask.rows("events_looked_at", *window, *place, *wanted, unlooked, count - len(rows))
            rows += [row for row in found if row["seq"] is not None]
            unlooked -= found[0]["looked_at"]
            if unlooked > 0 or len(rows) == count:
                continue  # that was the whole window, or the page
            place = Place(found[0]["oldest"], found[0]["oldest_seq"])
            window = window._replace(end=place.end)
        if stretches := await locate(ask, wanted, window, count - len(rows)):
            starts, ends = [one.start for one in stretches], [one.end for one in stretches]
            range_and_place = (starts[-1], ends[0], *place)
            rows += await ask.rows("events_listed", starts, ends, *range_and_place, *wanted, count - len(rows))
    return rows


async def _wanted(ask: Snapshot, question: EventsQuestion) -> Wanted:
    """The question's types as they are in the read model, and of a user only those that they have events of."""
    types = await wanted_types(ask, [TypePattern(text) for text in question.event_type])
    if question.user_id is not None:
        rows = await ask.rows("events_types_of_user", question.user_id, types)
        types = [row["event_type"] for row in rows]
    return Wanted(types, question.user_id)
