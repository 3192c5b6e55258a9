"""A naive recount of the log that shares no code with the projector."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from pyroaring import BitMap

from migrations.rollup_sets import unpack
from runtime.log.client import LogClient


@dataclass
class Recount:
    """The contents of a read model; ``rows`` by event id as (type, user, time, data, seq)."""

    rows: dict[str, tuple[str, int | None, datetime, Any, int]] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)
    by_minute: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    by_hour: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    by_day: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    all_time: dict[str, tuple[int, int]] = field(default_factory=dict)
    pages: dict[tuple[datetime, str, str | None], tuple[int, set[int | None]]] = field(default_factory=dict)
    """Events and visitors per day, type and path."""

    def count(self) -> "Recount":
        users: dict[str, set[int | None]] = {"": set()}
        events: Counter[str] = Counter()
        visits: dict[tuple[datetime, str, str | None], list[int | None]] = {}
        for kind, user, at, data, _ in self.rows.values():
            if kind in ("page_view", "http_request"):
                path = data.get("path")
                assert path is None or isinstance(path, str), "this recount knows only texts"
                visits.setdefault((at.replace(hour=0, minute=0, second=0, microsecond=0), kind, path), []).append(user)
            self.by_minute[at.replace(second=0, microsecond=0), kind] += 1
            self.by_hour[at.replace(minute=0, second=0, microsecond=0), kind] += 1
            self.by_day[at.replace(hour=0, minute=0, second=0, microsecond=0), kind] += 1
            for scope in ("", kind):
                events[scope] += 1
                users.setdefault(scope, set()).update({user} - {None})
        self.pages = {place: (len(visitors), set(visitors) - {None}) for place, visitors in visits.items()}
        self.all_time = {scope: (events[scope], len(users[scope])) for scope in events}
        return self


def as_sent(event: dict[str, Any]) -> Any:
    return event["event_data"]


async def recount_log(client: LogClient, read: Callable[[dict[str, Any]], Any] = as_sent) -> Recount:
    """Counts the first entry of each id; entries that are not events are parked.

    ``read`` returns the projected data of an event; it raises ValueError or KeyError for events that must be parked.
    """
    found = Recount()
    seen: set[str] = set()
    state = await client.state()
    for seq in range(state.first_seq, state.last_seq + 1):
        entry = await client.get(seq)
        if entry is None:
            assert any(gap.first <= seq <= gap.last for gap in state.gaps), f"entry {seq} is gone"
            continue
        try:
            event = json.loads(entry.payload)
            event_id = str(UUID(event["event_id"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            found.parked.add(seq)
            continue
        if event_id in seen:
            continue
        seen.add(event_id)
        try:
            at = datetime.fromisoformat(event["created_at"]).astimezone(UTC)
            event.setdefault("event_data", {})
            assert isinstance(event["event_data"], dict)
            found.rows[event_id] = (event["event_type"], event.get("user_id"), at, read(event), seq)
        except (AssertionError, ValueError, TypeError, KeyError):
            found.parked.add(seq)
    return found.count()


async def read_model(connection: "asyncpg.Connection") -> Recount:
    """Reads the contents of every table and view."""
    found = Recount()
    for row in await connection.fetch(
        "select event_id, event_type, user_id, created_at, event_data, seq from analytics_events"
    ):
        assert str(row["event_id"]) not in found.rows
        found.rows[str(row["event_id"])] = (
            row["event_type"],
            row["user_id"],
            row["created_at"],
            json.loads(row["event_data"]),
            row["seq"],
        )
    found.parked = {row["seq"] for row in await connection.fetch("select seq from parked_events")}
    for name, counter in (("minute", found.by_minute), ("hour", found.by_hour), ("day", found.by_day)):
        for row in await connection.fetch(f"select bucket, event_type, events from events_by_{name}"):
            counter[row["bucket"], row["event_type"]] = row["events"]
    for row in await connection.fetch("select event_type, events, users from all_time"):
        found.all_time[row["event_type"]] = (row["events"], row["users"])
    users = {row["ordinal"]: row["user_id"] for row in await connection.fetch("select ordinal, user_id from users")}
    for row in await connection.fetch("select bucket, path, event_type, events from pages_cells_day"):
        found.pages[row["bucket"], row["event_type"], row["path"]] = (row["events"], set())
    for row in await connection.fetch("select bucket, path, event_type, members from pages_members"):
        visitors = found.pages[row["bucket"], row["event_type"], row["path"]][1]
        visitors.update(users[one] for one in BitMap.deserialize(row["members"]))
    for row in await connection.fetch("select cells from pages_set_log"):
        for bucket, _, (path, kind), members in unpack(row["cells"]):
            assert kind is not None
            visitors = found.pages[datetime.fromtimestamp(bucket, UTC), kind, path][1]
            visitors.update(users[one] for one in members)
    return found
