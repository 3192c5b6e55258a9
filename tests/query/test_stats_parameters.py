"""The parameters of /stats, and the agreement of its documentation with its answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from dirty_equals import IsPartialDict, IsStr
from pydantic import TypeAdapter

from query.stats.models import EXAMPLE, Stats
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import event, log_events
from tests.support.projector import project
from tests.support.stats_endpoint import get_stats, rfc3339


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-03-01T12:00:00"}, "from"),
        ({"from": "1700000000"}, "from"),
        ({"from": "-24x"}, "from"),
        ({"from": "-999999999d"}, "from"),
        ({"to": "24h"}, "to"),
        ({"to": "2026-02-30T12:00:00Z"}, "to"),
        ({"to": "2026-02-01T12:00:00+99:00"}, "to"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "'to' must be later"),
        ({"from": "-1h", "to": "-1h"}, "'to' must be later"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"start": "2026-03-02T00:00:00Z"}, "start"),
        ({"bucket": "year"}, "bucket"),
        ({"bucket": "minute", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "bucket"),
        ({"tz": "Mars/Olympus"}, "tz: 'Mars/Olympus' is not a time zone"),
        ({"tz": "../../etc/localtime"}, "tz"),
        ({"tz": ""}, "tz"),
        ({"event_type": ""}, "event_type"),
        ({"event_type": "x" * 129}, "event_type"),
        ({"event_type": "a\0b"}, "event_type"),
        ({"event_type": ["x"] * 101}, "event_type"),
        ({"users": "perhaps"}, "users"),
        ({"top": "path"}, "top"),
        ({"top": "event_data"}, "top"),
        ({"top": "event_data."}, "top"),
        ({"top": "event_data.a..b"}, "top"),
        ({"top": "event_data.a\0"}, "top"),
        ({"top": "event_data" + ".a" * 65}, "top"),
        ({"top": "event_data." + "a" * 512}, "top"),
        ({"top": "event_data.path", "top_limit": "0"}, "top_limit"),
        ({"top": "event_data.path", "top_limit": "101"}, "top_limit"),
        ({"compare": "last"}, "compare"),
        ({"compare": "previous"}, "'compare' requires 'from'"),
        ({"compare": "previous", "to": "-1h"}, "'compare' requires 'from'"),
        ({"compare": "previous", "from": "2199-01-01T00:00:00Z"}, "'to' must be later"),
        ({"compare": "previous", "from": "0001-01-02T00:00:01Z"}, "'compare'"),
        ({"min_cursor": "7"}, "min_cursor"),
        ({"settled": "maybe"}, "settled"),
        ({"form": "2026-03-01T12:00:00Z"}, "form"),
    ],
)
async def test_an_invalid_parameter_is_named(query: QueryService, question: dict[str, Any], parameter: str) -> None:
    answer = await query.http.get("/stats", params=question)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json() == IsPartialDict(
        type="about:blank", title="Bad parameter", status=422, detail=IsStr(regex=f"(?s){parameter}.*")
    )


@pytest.mark.parametrize(
    "text", ["2026-03-01T14:00:00%2B02:00", "2026-03-01T14:00:00+02:00", "2026-03-01t12:00:00.000z"]
)
async def test_times_are_accepted_in_any_zone_even_with_an_unescaped_plus(query: QueryService, text: str) -> None:
    answer = await query.http.get(f"/stats?from={text}")
    assert answer.json() == IsPartialDict({"from": "2026-03-01T12:00:00Z"})


async def test_relative_times_are_accepted_and_resolved_in_the_answer(query: QueryService) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    answer = await get_stats(query, **{"from": "-24h", "to": "-90m"})
    after = datetime.now(UTC)
    start, end = (datetime.fromisoformat(answer[name]) for name in ("from", "to"))
    assert before <= start + timedelta(hours=24) <= after
    assert start.microsecond == 0  # requests within the same second ask the same
    assert end - start == timedelta(hours=22, minutes=30)
    assert (await get_stats(query, **{"from": "-7d"}))["to"] is None


async def test_openapi_describes_the_question_and_the_answer(query: QueryService) -> None:
    described = (await query.http.get("/openapi.json")).json()
    operation = described["paths"]["/stats"]["get"]
    parameters = {one["name"]: one for one in operation["parameters"]}
    asked = {
        "from",
        "to",
        "bucket",
        "tz",
        "event_type",
        "users",
        "top",
        "top_limit",
        "type_limit",
        "where",
        "format",
        "compare",
        "min_cursor",
        "settled",
    }
    assert set(parameters) == asked | {"if-none-match"}
    assert all(one["description"] for one in parameters.values())
    assert set(operation["responses"]) == {"200", "304", "409", "422", "503", "504"}
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert described["components"]["schemas"]["Stats"]["examples"] == [EXAMPLE]


async def test_the_documented_examples_are_valid(query: QueryService) -> None:
    described = (await query.http.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    for example in schemas["Stats"]["examples"]:
        TypeAdapter(Stats).validate_python(example)
        check_members(example, schemas["Stats"], schemas)
    for parameter in described["paths"]["/stats"]["get"]["parameters"]:
        for example in parameter["schema"].get("examples", []):
            extra = {"from": "-1d"} if parameter["name"] == "compare" else {}
            await get_stats(query, **extra, **{parameter["name"]: example})


async def test_an_answer_has_exactly_the_documented_members(
    query: QueryService, settings: Settings, log: LogClient, connection: asyncpg.Connection
) -> None:
    now = datetime.now(UTC)
    await log_events(log, (event("click", number, now - timedelta(minutes=45 * number)) for number in range(4)))
    await project(settings, log, connection)
    schemas = (await query.http.get("/openapi.json")).json()["components"]["schemas"]
    everything = {"from": rfc3339(now - timedelta(hours=1)), "compare": "previous", "top": "event_data.path",
                  "tz": "Asia/Kolkata"}  # fmt: skip
    for question in ({}, everything):
        answer = await get_stats(query, **question)
        check_members(answer, schemas["Stats"], schemas)
        TypeAdapter(Stats).validate_python(answer)
    assert answer["previous"]["by_type"]
    assert answer["top"]["values"]
    assert answer["series"]


def check_members(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Checks that every object has exactly the members of its schema, and every list items of its schema."""
    if "anyOf" in schema:
        if value is None:
            assert {"type": "null"} in schema["anyOf"]
            return
        schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        assert set(value) == set(schema["properties"]) == set(schema["required"])
        for name, member in value.items():
            check_members(member, schema["properties"][name], schemas)
    elif isinstance(value, list):
        for one in value:
            check_members(one, schema["items"], schemas)
