"""The most frequent values of a property: by JSON value, with every event accounted for."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr

from contracts.events import Event
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService, running_query
from tests.support.events import BASE, event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, rfc3339

HOUR = timedelta(hours=1)


async def log_data(log: LogClient, *data: str) -> None:
    await log_events(log, [event(user_id=number, data=one) for number, one in enumerate(data)])


def recount(events: list[Event], path: str, limit: int) -> dict[str, Any]:
    """Counts the values of a top-level property one by one; among equally frequent values any may be listed."""
    missing = 0
    values: Counter[str] = Counter()
    for one in events:
        data = json.loads(bytes(one.event_data))
        if path in data:
            values[json.dumps(data[path])] += 1
        else:
            missing += 1
    listed = values.most_common(limit)
    return {"events": [count for _, count in listed], "other": values.total() - sum(count for _, count in listed),
            "missing": missing, "values": values}  # fmt: skip


async def test_values_differ_as_json_and_numbers_by_value(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    values = ['"1"', "1", "1.0", "10e-1", "true", '"true"', "null", '""', "null", "{}", '{"a":1}', "[]", "[1]"]
    await log_data(log, *(f'{{"v":{value}}}' for value in values), '{"w":1}', "{}")
    await project(settings, log, connection)
    top = (await get_stats(query, top="event_data.v"))["top"]
    assert top == {
        "property": "event_data.v",
        "source": "events",
        "event_types": None,
        "partial": False,
        "counted_from": None,
        "values": top["values"],
        "other": 4,
        "missing": 2,
    }
    counted = [(type(one["value"]), one["value"], one["events"]) for one in top["values"]]
    assert counted[:2] in ([(int, 1, 3), (type(None), None, 2)], [(float, 1.0, 3), (type(None), None, 2)])
    assert sorted(map(str, counted[2:])) == sorted(
        map(str, [(str, "1", 1), (bool, True, 1), (str, "true", 1), (str, "", 1)])
    )


async def test_numbers_keep_all_of_their_digits(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_data(log, '{"n":9223372036854775809}', '{"n":9223372036854775808}', '{"n":0.1000000000000000055}')
    await project(settings, log, connection)
    answer = await query.http.get("/stats", params={"top": "event_data.n"})
    numbers = [one["value"] for one in json.loads(answer.text, parse_int=str, parse_float=str)["top"]["values"]]
    assert sorted(numbers) == ["0.1000000000000000055", "9223372036854775808", "9223372036854775809"]


async def test_a_path_reaches_into_objects_and_arrays_by_any_name_without_a_dot(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_data(log, '{"cart":{"total":7,"items":["a","b"]}}', '{"cart":{"total":7,"items":[]}}', '{"cart":7}',
                   '{"Straße, \\"0\\"":"x"}', '{"cart.total":9}')  # fmt: skip
    await project(settings, log, connection)

    async def counted(name: str) -> tuple[list[tuple[Any, int]], int, int]:
        top = (await get_stats(query, top=name))["top"]
        return [(one["value"], one["events"]) for one in top["values"]], top["other"], top["missing"]

    assert await counted("event_data.cart.total") == ([(7, 2)], 0, 3)
    assert await counted("event_data.cart.items.1") == ([("b", 1)], 0, 4)
    assert await counted("event_data.cart") == ([(7, 1)], 2, 2)
    assert await counted('event_data.Straße, "0"') == ([("x", 1)], 0, 4)
    assert await counted("event_data.cart.total.deeper") == ([], 0, 5)
    assert await counted("event_data.nothing") == ([], 0, 5)


async def test_every_event_of_the_range_and_types_is_a_value_another_or_missing(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    chance = random.Random(5)
    data = [f'{{"path":"/p/{int(chance.expovariate(0.2))}"}}' for _ in range(260)] + ["{}"] * 40
    events = await log_events(
        log,
        [
            event(chance.choice(("click", "page.view")), number, BASE + chance.random() * 6 * HOUR, one)
            for number, one in enumerate(data)
        ],
    )
    await project(settings, log, connection)
    for start, end, pattern, limit in (
        (None, None, None, 10),
        (BASE + HOUR, BASE + 5 * HOUR, None, 3),
        (BASE + timedelta(minutes=61, seconds=1), None, "page.*", 100),
        (None, BASE + 2 * HOUR, "click", 1),
        (None, None, "sale.*", 5),
    ):
        question = {
            "from": start and rfc3339(start),
            "to": end and rfc3339(end),
            "event_type": pattern,
            "top_limit": limit,
        }
        answer = await get_stats(query, top="event_data.path", **{name: one for name, one in question.items() if one})
        wanted = recount(
            [
                one
                for one in events
                if (start is None or one.created_at >= start)
                and (end is None or one.created_at < end)
                and (pattern is None or one.event_type.startswith(pattern.rstrip("*")))
            ],
            "path",
            limit,
        )
        top = answer["top"]
        assert [one["events"] for one in top["values"]] == wanted["events"]
        assert all(wanted["values"][json.dumps(one["value"])] == one["events"] for one in top["values"])
        assert (top["other"], top["missing"]) == (wanted["other"], wanted["missing"])
        assert sum(wanted["events"]) + top["other"] + top["missing"] == answer["totals"]["events"]


async def test_top_is_null_by_default_and_has_ten_values(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_data(log, *(f'{{"n":{number}}}' for number in range(12)))
    await project(settings, log, connection)
    assert (await get_stats(query))["top"] is None
    assert (await get_stats(query, top="event_data.n"))["top"] == IsPartialDict(other=2, missing=0)


async def test_values_that_take_too_long_to_count_are_a_timeout_with_a_remedy(
    settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    async with running_query(settings.model_copy(update={"stats_timeout": 0.5})) as query:
        async with connection.transaction():
            await connection.execute("lock table model_1.analytics_events")
            answer = await query.http.get("/stats", params={"top": "event_data.path", "from": "-1h"})
        assert (answer.status_code, answer.json()) == (
            504,
            IsPartialDict(title="Took too long", detail="the database needed more than 0.5 s: ask for a shorter range"),
        )


@pytest.mark.parametrize("start", [None, "2026-02-01T00:00:00Z"])
async def test_values_of_dropped_events_are_refused(
    query: QueryService, connection: asyncpg.Connection, start: str | None
) -> None:
    await connection.execute("update model_1.projection_position set raw_from = $1", datetime(2026, 3, 1, tzinfo=UTC))
    question = {"top": "event_data.path"} | ({"from": start} if start else {})
    answer = await query.http.get("/stats", params=question)
    assert (answer.status_code, answer.json()) == (
        422,
        IsPartialDict(detail=IsStr(regex="top: single events are kept from 2026-03-01: .*")),
    )
    await get_stats(query, top="event_data.path", **{"from": "2026-03-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("limit", "counted_from", "counted"),
    [(10, None, 10), (9, "2026-03-01T13:00:00Z", 5), (5, "2026-03-01T13:00:00Z", 5), (4, "2026-03-01T13:01:00Z", 4),
     (1, "2026-03-01T13:03:00Z", 2)],
)  # fmt: skip
async def test_of_many_events_the_newest_are_counted_and_the_answer_says_from_when(
    query: QueryService,
    settings: Settings,
    log: LogClient,
    connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    counted_from: str | None,
    counted: int,
) -> None:
    monkeypatch.setattr("query.stats.top.MAX_TOP_EVENTS", limit)
    minutes = [0, 10, 20, 30, 40, 60, 61, 62, 63, 63]
    await log_events(log, [event(data='{"v":1}', created_at=BASE + timedelta(minutes=minute)) for minute in minutes])
    await project(settings, log, connection)
    for asked in ({}, {"from": rfc3339(BASE), "to": rfc3339(BASE + 2 * HOUR)}):
        top = (await get_stats(query, top="event_data.v", settled=True, **asked))["top"]
        start = counted_from or asked.get("from")
        assert (top["partial"], top["counted_from"]) == (counted_from is not None, start)
        assert top["values"] == [IsPartialDict(value=1, events=counted)]


async def test_counting_values_has_a_time_limit(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("query.stats.top.TOP_TIMEOUT", 0)
    await log_data(log, '{"v":1}')
    await project(settings, log, connection)
    answer = await query.http.get("/stats", params={"top": "event_data.v"})
    assert answer.status_code == 504
    assert answer.json()["detail"] == "top: counting took more than 0 s: request a shorter range"
