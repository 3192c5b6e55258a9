"""The most frequent paths come from the rollup ``pages`` where it has them, and equal a count of single events."""

import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import BASE, event, log_events
from tests.support.projector import merge_user_sets, project
from tests.support.stats_endpoint import get_stats, rfc3339

MIDNIGHT = BASE.replace(hour=0)
DAY = timedelta(days=1)


def visits(count: int) -> list[Event]:
    chance = random.Random(3)
    data = [f'{{"path":"/p/{int(chance.expovariate(0.3))}"}}' for _ in range(count)]
    data[::7] = ["{}"] * len(data[::7])
    kinds = ("page_view", "http_request", "click")
    return [
        event(chance.choice(kinds), chance.randrange(20), MIDNIGHT + chance.random() * 4 * DAY, one) for one in data
    ]


def recount(events: list[Event], limit: int) -> dict[str, Any]:
    users: dict[Any, list[int | None]] = defaultdict(list)
    for one in events:
        users[json.loads(bytes(one.event_data)).get("path")].append(one.user_id)
    missing = len(users.pop(None, []))
    listed = sorted(users, key=lambda path: (-len(users[path]), path))[:limit]
    values = [{"value": path, "events": len(users[path]), "users": len({*users[path]} - {None})} for path in listed]
    return {"values": values, "missing": missing,
            "other": sum(map(len, users.values())) - sum(one["events"] for one in values)}  # fmt: skip


@pytest.mark.parametrize("merged", [True, False])
async def test_paths_of_whole_days_have_their_events_and_visitors(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection, merged: bool
) -> None:
    events = await log_events(log, visits(250))
    await project(settings.model_copy(update={"batch_size": 40}), log, connection)
    if merged:
        await merge_user_sets(settings.dsn)
    for start, end, types, limit in (
        (None, None, [], 10),
        (MIDNIGHT + DAY, None, [], 3),
        (MIDNIGHT + DAY, MIDNIGHT + 3 * DAY, ["page_view"], 100),
        (None, MIDNIGHT + 2 * DAY, ["http_request", "page_view"], 1),
        (MIDNIGHT + 9 * DAY, MIDNIGHT + 10 * DAY, [], 5),
    ):
        question = {"from": start and rfc3339(start), "to": end and rfc3339(end), "event_type": types or None}
        asked = {name: value for name, value in question.items() if value is not None}
        found = [
            one
            for one in events
            if one.event_type in (types or ["page_view", "http_request"])
            and (start or MIDNIGHT) <= one.created_at < (end or MIDNIGHT + 9 * DAY)
        ]
        answer = await get_stats(query, top="event_data.path", top_limit=limit, **asked)
        assert answer["top"] == {
            "property": "event_data.path",
            "source": "pages",
            "event_types": None if types else ["http_request", "page_view"],
            "partial": False,
            "counted_from": asked.get("from"),
        } | recount(found, limit)


async def test_other_ranges_and_types_are_counted_from_single_events(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, visits(100))
    await project(settings, log, connection)
    second = timedelta(seconds=1)
    questions: list[dict[str, Any]] = [
        {"from": rfc3339(MIDNIGHT + second)},
        {"to": rfc3339(MIDNIGHT + 3 * DAY - second)},
        {"from": "2026-03-01T00:00:00+01:00"},
        {"event_type": "click"},
        {"event_type": ["click", "page_view"]},
    ]
    for asked in questions:
        top = (await get_stats(query, top="event_data.path", **asked))["top"]
        assert top["source"] == "events"
        counted = asked.get("event_type") or ["page_view", "http_request"]
        start = datetime.fromisoformat(asked.get("from", "2026-01-01T00:00:00Z"))
        end = datetime.fromisoformat(asked.get("to", "2027-01-01T00:00:00Z"))
        paths = Counter(
            json.loads(bytes(one.event_data)).get("path")
            for one in events
            if one.event_type in counted and start <= one.created_at < end
        )
        assert all(0 < one["users"] <= one["events"] for one in top["values"])
        assert top["missing"] == paths.pop(None, 0)
        assert sum(one["events"] for one in top["values"]) + top["other"] == paths.total()
        assert all(paths[one["value"]] == one["events"] for one in top["values"])


async def test_without_page_views_paths_of_other_types_are_counted(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event("screen.viewed")])
    await project(settings, log, connection)
    top = (await get_stats(query, top="event_data.path"))["top"]
    assert top == IsPartialDict(source="events", event_types=None, values=[{"value": "/home", "events": 1, "users": 1}])


async def test_of_many_events_the_whole_days_are_counted_from_pages(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("query.stats.top.MAX_TOP_EVENTS", 10)
    events = await log_events(log, visits(100))
    await project(settings, log, connection)
    top = (await get_stats(query, top="event_data.path", **{"from": "2026-03-01T00:00:01Z"}))["top"]
    assert top == IsPartialDict(source="pages", partial=True, counted_from="2026-03-02T00:00:00Z")
    counted = [one for one in events if one.event_type != "click" and one.created_at >= MIDNIGHT + DAY]
    assert top == IsPartialDict(recount(counted, 10))


async def test_pages_answer_past_retention(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, visits(20))
    await project(settings, log, connection)
    await connection.execute("update model_1.projection_position set raw_from = $1", datetime(2026, 3, 3, tzinfo=UTC))
    top = (await get_stats(query, top="event_data.path", **{"from": "2026-03-01T00:00:00Z"}))["top"]
    assert top["source"] == "pages"


async def test_paths_beyond_the_limit_of_a_day_are_other(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, visits(20))
    await project(settings, log, connection)
    await connection.execute("insert into model_1.pages_cells_day values ($1, true, null, null, 1000)", MIDNIGHT)
    assert (await get_stats(query, top="event_data.path", top_limit=100))["top"] == IsPartialDict(
        source="pages", other=1000
    )
    # it is not known of which types they are
    top = (await get_stats(query, top="event_data.path", event_type="page_view"))["top"]
    assert top["source"] == "events"


async def test_pages_are_a_projection_with_rows(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, visits(120))
    await project(settings.model_copy(update={"batch_size": 50}), log, connection)
    state = await log.state()
    cursor = (await log.get(state.last_seq)).cursor(state.epoch)  # type: ignore[union-attr]
    question = {"by": "path", "where": "event_type:page_view", "order": "-visitors", "bucket": "month"}
    answer = await query.http.get("/projections/pages", params=question | {"min_cursor": str(cursor)})
    users: dict[str | None, list[int | None]] = defaultdict(list)
    for one in events:
        if one.event_type == "page_view":
            users[json.loads(bytes(one.event_data)).get("path")].append(one.user_id)
    found = answer.json()
    assert found == IsPartialDict(name="pages", version=1, more=False, limit_reached=False)
    assert found["as_of"] == IsPartialDict(cursor=str(cursor), lag_events=0)
    assert {row["path"]: (row["events"], row["visitors"]) for row in found["rows"]} == {
        path: (len(of), len(set(of))) for path, of in users.items()
    }
    visitors = [row["visitors"] for row in found["rows"]]
    assert visitors == sorted(visitors, reverse=True)


async def test_a_model_without_pages_says_how_to_get_them(query: QueryService, connection: asyncpg.Connection) -> None:
    await connection.execute("update model_1.projection_position set keeps_pages = false")
    answer = await query.http.get("/projections/pages")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "the read model was built by a version without pages: `tailrace replay`, then `tailrace cutover`",
    )
    assert (await query.http.get("/projections")).json() == {"projections": []}
