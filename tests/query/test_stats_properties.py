"""The properties that occur, and answers as CSV."""

import csv
import io

import asyncpg
import pytest

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import BASE, event, log_events
from tests.support.projector import project


async def logged(settings: Settings, log: LogClient, connection: asyncpg.Connection, *data: str) -> None:
    await log_events(log, [event("view", number, BASE, one) for number, one in enumerate(data)])
    await project(settings, log, connection)


async def test_properties_of_nested_objects_are_listed_with_how_often_they_occur(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await logged(settings, log, connection, '{"path":"/a","cart":{"total":7}}', '{"path":"/b","cart":{"total":7}}',
                 '{"path":"/b","tags":["x"],"bot":null}', '{"a.b":1,"c:d":2,"":3,"path":false}')  # fmt: skip
    answer = await query.http.get("/stats/properties")
    assert answer.json() == {
        "properties": [
            {"name": "event_data.path", "events": 4, "values": 3},
            {"name": "event_data.cart.total", "events": 2, "values": 1},
        ],
        "sampled": 4,
        "partial": False,
    }
    answer = await query.http.get("/stats/properties", params={"where": "event_data.path:false"})
    assert [one["name"] for one in answer.json()["properties"]] == ["event_data.path"]
    answer = await query.http.get("/stats/properties", params={"event_type": "other"})
    assert answer.json() == {"properties": [], "sampled": 0, "partial": False}


async def test_only_the_newest_events_are_looked_at_and_the_answer_names_that(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("query.stats.properties.SAMPLE", 2)
    await logged(settings, log, connection, *(f'{{"v":{number}}}' for number in range(3)))
    answer = await query.http.get("/stats/properties")
    assert answer.json() == {
        "properties": [{"name": "event_data.v", "events": 2, "values": 2}],
        "sampled": 2,
        "partial": True,
    }


@pytest.mark.parametrize("asked", [{"format": "csv"}, {}])
async def test_the_values_of_a_property_are_a_table(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection, asked: dict[str, str]
) -> None:
    await logged(settings, log, connection, '{"v":"=1+1"}', '{"v":"=1+1"}', '{"v":"a,\\"b\\""}', '{"v":-1.5}', "{}")
    headers = {} if asked else {"Accept": "text/csv"}
    answer = await query.http.get("/stats", params={"top": "event_data.v", "top_limit": 10, **asked}, headers=headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="tailrace-event_data.v.csv"'
    head, *rows = list(csv.reader(io.StringIO(answer.text)))
    assert head == ["value", "events", "users"]
    assert rows[0] == ["'=1+1", "2", "2"]
    assert sorted(rows[1:3]) == [["'-1.5", "1", "1"], ['a,"b"', "1", "1"]]
    assert rows[3:] == [["(other)", "0", ""], ["(missing)", "1", ""]]


async def test_a_series_is_a_table(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    await log_events(log, [event("=cmd()", 1, BASE), event("view", 2, BASE)])
    await project(settings, log, connection)
    question = {"bucket": "hour", "users": "series", "format": "csv"}
    answer = await query.http.get("/stats", params=question)
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["bucket", "event_type", "events", "users"],
        ["2026-03-01T12:00:00Z", "'=cmd()", "1", "1"],
        ["2026-03-01T12:00:00Z", "view", "1", "1"],
    ]
    again = await query.http.get("/stats", params=question | {"format": "json"})
    assert again.headers["etag"] != answer.headers["etag"]
    assert again.json()["totals"]["events"] == 2
