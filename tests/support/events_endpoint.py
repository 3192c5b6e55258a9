"""Requests to /events, and a naive computation of the answers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.events import Event, encode_event
from contracts.upcasting import NO_UPCASTERS
from migrations.catalogue import Model, use_model
from projection.decode import decode
from projection.store import Store
from tests.query.conftest import QueryService
from tests.support.stats_endpoint import rfc3339

Question = dict[str, Any]
EPOCH = "0123456789ab"


async def get_events(query: QueryService, **question: Any) -> dict[str, Any]:
    answer = await query.http.get("/events", params=question)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get_all_events(query: QueryService, limits: Iterator[int], **question: Any) -> list[dict[str, Any]]:
    """Returns all events, page by page, each with the next limit."""
    events: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        limit = next(limits)
        page = await get_events(query, **question, **before, limit=limit)
        assert len(page["events"]) <= limit
        events += page["events"]
        if page["next"] is None:
            return events
        assert len(page["events"]) == limit
        before = {"before": page["next"]}


def event_ids(events: Iterable[dict[str, Any]]) -> list[str]:
    return [one["event_id"] for one in events]


def expected_ids(events: Sequence[Event], question: Question) -> list[str]:
    """Returns the ids of the matching events in the order of the answer; ``events`` are in log order."""
    start, end = (datetime.fromisoformat(question[name]) if name in question else None for name in ("from", "to"))
    found = [
        (one.created_at, seq, str(one.event_id))
        for seq, one in enumerate(events)
        if (start is None or one.created_at >= start)
        and (end is None or one.created_at < end)
        and question.get("user_id", one.user_id) == one.user_id
        and _is_meant(one.event_type, question.get("event_type", [">"]))
    ]
    return [event_id for _, _, event_id in sorted(found, reverse=True)]


def _is_meant(event_type: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(_expression(pattern), event_type) for pattern in patterns)


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", "[^.]*").replace(">", ".*")


def range_params(start: datetime | None, end: datetime | None) -> Question:
    """Returns the parameters of a range."""
    return {name: rfc3339(time) for name, time in (("from", start), ("to", end)) if time is not None}


async def project(connection: "asyncpg.Connection", model: Model, events: Sequence[Event]) -> None:
    """Projects events behind the model's position, in one batch and without a log."""
    await use_model(connection, model)
    behind = await Store(connection, model).position() or Cursor(EPOCH, 0)
    logged = int(datetime.now(UTC).timestamp() * 1e9)
    entries = [
        LogEntry(seq, logged, str(one.event_id), encode_event(one)) for seq, one in enumerate(events, behind.seq + 1)
    ]
    assert await commit(connection, model, entries, behind) == len(events)


async def commit(connection: "asyncpg.Connection", model: Model, entries: Sequence[LogEntry], behind: Cursor) -> int:
    """Projects a batch of entries; returns the number of rows."""
    await use_model(connection, model)
    return (await Store(connection, model).commit(decode(entries, NO_UPCASTERS), behind)).stored
