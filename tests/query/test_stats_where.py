"""`where`: counts of the events with some values of their properties equal counting them one by one."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import BASE, event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, in_range, recount, recount_series, rfc3339

HOUR = timedelta(hours=1)
COUNTRIES = ["DE", "FR", "", None, 7]


def some_sales(count: int) -> list[Event]:
    chance = random.Random(8)
    return [
        event(
            chance.choice(("order", "refund")),
            chance.randrange(30),
            BASE + chance.random() * 8 * HOUR,
            json.dumps({"country": chance.choice(COUNTRIES), "plan": {"name": chance.choice(["pro", "free"])}}),
        )
        for _ in range(count)
    ]


def has(one: Event, country: Any, plan: str | None = None) -> bool:
    data = json.loads(bytes(one.event_data))
    return data["country"] == country and plan in (None, data["plan"]["name"])


async def test_every_count_is_of_the_events_that_have_the_values(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_sales(400))
    await project(settings, log, connection)
    start, end = BASE + HOUR + timedelta(seconds=7), BASE + 6 * HOUR
    for where, country, plan in (
        (["event_data.country:DE"], "DE", None),
        (["event_data.country:"], "", None),
        (["event_data.country"], None, None),
        (["event_data.country:7", "event_data.plan.name:pro"], 7, "pro"),
        (["event_data.country:nowhere"], "nowhere", None),
    ):
        wanted = [one for one in events if has(one, country, plan)]
        answer = await get_stats(query, where=where, bucket="hour")
        assert answer == IsPartialDict(recount(wanted, "hour"))
        assert answer["matching"] == {"partial": False, "counted_from": None}
        limits = {"from": rfc3339(start), "to": rfc3339(end)}
        answer = await get_stats(
            query, where=where, bucket="day", tz="Asia/Kolkata", users="series", compare="previous", **limits
        )
        within = in_range(wanted, start, end)
        assert answer == IsPartialDict(recount_series(within, "day", "Asia/Kolkata", answer["buckets"]))
        before = recount(in_range(wanted, start - (end - start), start), "day")
        assert answer["previous"] == IsPartialDict(totals=before["totals"], by_type=before["by_type"])
        answer = await get_stats(query, where=where, event_type="refund", users="false", **limits)
        refunds = [one for one in within if one.event_type == "refund"]
        assert answer["totals"] == {"events": len(refunds), "users": None}


async def test_values_of_one_property_are_alternatives_and_properties_are_combined(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    events = await log_events(log, some_sales(100))
    await project(settings, log, connection)
    where = ["event_data.country:DE", "event_data.country", "event_data.plan.name:free"]
    wanted = [one for one in events if has(one, "DE", "free") or has(one, None, "free")]
    assert (await get_stats(query, where=where))["totals"]["events"] == len(wanted)


@pytest.mark.parametrize(
    ("condition", "count"),
    [("v:1", 3), ("v:1.0", 0), ("v:0.25", 1), ("v:true", 2), ("v:a:b", 1), ("v:null", 0), ("v", 4), ("o.0:x", 1),
     ("o.k:y", 1), ("o.k", 10)],
)  # fmt: skip
async def test_values_are_compared_as_text(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection, condition: str, count: int
) -> None:
    values = ["1", "1.0", '"1"', "0.250", "true", '"true"', '"a:b"', "null", "{}"]
    data = [*(f'{{"v":{value}}}' for value in values), '{"v":[1],"o":["x"]}', '{"o":{"k":"y"}}']
    await log_events(log, [event(data=one) for one in data])
    await project(settings, log, connection)
    assert (await get_stats(query, where=f"event_data.{condition}"))["totals"]["events"] == count


async def test_the_values_of_a_property_have_users_and_follow_the_conditions(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    data = [("/a", "DE", 1), ("/a", "DE", 1), ("/a", "DE", 2), ("/b", "DE", 3), ("/c", "FR", 3), ("/a", "FR", 9)]
    await log_events(
        log, [event("view", user, BASE, json.dumps({"path": path, "country": country})) for path, country, user in data]
    )
    await project(settings, log, connection)
    top = (await get_stats(query, top="event_data.path", where="event_data.country:DE"))["top"]
    assert top["values"] == [{"value": "/a", "events": 3, "users": 2}, {"value": "/b", "events": 1, "users": 1}]
    top = (await get_stats(query, top="event_data.path", top_limit=1))["top"]
    assert (top["values"], top["other"]) == ([{"value": "/a", "events": 4, "users": 3}], 2)
    top = (await get_stats(query, top="event_data.path", top_limit=1, users="false"))["top"]
    assert top["values"] == [{"value": "/a", "events": 4, "users": None}]


async def test_of_many_events_only_the_newest_are_compared_and_the_answer_names_that(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("query.stats.top.MAX_TOP_EVENTS", 5)
    await log_events(log, [event(data='{"v":1}', created_at=BASE + number * HOUR) for number in range(8)])
    await project(settings, log, connection)
    answer = await get_stats(query, where="event_data.v:1", settled=True)
    assert answer["matching"] == {"partial": True, "counted_from": rfc3339(BASE + 3 * HOUR)}
    assert answer["totals"]["events"] == 5
    limits = {"from": rfc3339(BASE + 6 * HOUR), "to": rfc3339(BASE + 8 * HOUR)}
    answer = await get_stats(query, where="event_data.v:1", **limits)
    assert (answer["matching"]["partial"], answer["totals"]["events"]) == (False, 2)


async def test_comparing_has_a_time_limit(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("query.stats.top.TOP_TIMEOUT", 0)
    await log_events(log, [event()])
    await project(settings, log, connection)
    answer = await query.http.get("/stats", params={"where": "event_data.v:1"})
    assert (answer.status_code, answer.json()["detail"]) == (
        504,
        "where: counting took more than 0 s: request a shorter range",
    )


@pytest.mark.parametrize(
    "question", [{}, {"from": "2026-02-01T00:00:00Z"}, {"from": "2026-03-01T05:00:00Z", "compare": "previous"}]
)
async def test_dropped_events_are_not_compared(
    query: QueryService, connection: asyncpg.Connection, question: dict[str, str]
) -> None:
    await connection.execute("update model_1.projection_position set raw_from = $1", datetime(2026, 3, 1, tzinfo=UTC))
    if "compare" in question:
        question = question | {"to": "2026-03-01T12:00:00Z"}
    answer = await query.http.get("/stats", params={"where": "event_data.v:1", **question})
    assert (answer.status_code, answer.json()) == (
        422,
        IsPartialDict(detail=IsStr(regex="where: single events are kept from 2026-03-01: .*")),
    )
    await get_stats(query, where="event_data.v:1", **{"from": "2026-03-01T00:00:00Z"})


@pytest.mark.parametrize("condition", ["country:DE", "event_data:DE", "event_data..a:1", ":", "", "event_data.a:\0"])
async def test_a_condition_names_a_property(query: QueryService, condition: str) -> None:
    answer = await query.http.get("/stats", params={"where": condition})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("where")
