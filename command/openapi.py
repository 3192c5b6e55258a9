"""The OpenAPI document of the command service's HTTP side, made from the structs that its answers are."""

from importlib.metadata import version
from typing import Any

import msgspec

from command.bodies import MAX_EVENTS
from command.http import DetailedItem, Item, RejectedItem
from command.messages import FULL_EVENT, SEED_EVENT, schema_of
from command.metrics import Counters
from contracts.events import IncomingEvent

_DESCRIPTION = """
The write side of Tailrace: `POST /events` puts events into the log. What it answers 2xx for is stored. The same over
NATS is described by [asyncapi.json](asyncapi.json). Errors are problem+json (RFC 9457). Nobody is asked who they are:
what is to be open to others belongs behind a proxy that asks.
"""
_POST = f"""
Takes one event, a JSON array of them, or NDJSON (an event per line): at most {MAX_EVENTS:,} events. Each is judged by
itself. Send an `event_id` if you ever send again after an error: it is what makes an event count once. Events without
one get one, which `items` tells, in the order sent.
"""
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
    },
    "required": ["type", "title", "status", "detail"],
}
_MOMENT = {"type": "string", "format": "date-time"}
_METRICS = {"description": "Its text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
_ALIVE = {"status": "ok"}
_COUNTERS = msgspec.structs.asdict(Counters(accepted=12_000, duplicates=17, rejected=3, pending=64))
_STATUS = {**_COUNTERS, "started_at": "2025-10-10T10:00:00Z", "epoch": "3f9c1a7be204"}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_ITEMS = [{"event_id": FULL_EVENT["event_id"]}, {"event_id": None}]
_REJECTED = {"index": 1, "event_id": None, "code": "missing_field", "message": "user_id is missing"}
_STORED = {"accepted": 1, "rejected": [], "items": _ITEMS[:1], "cursor": "3f9c1a7be204:41:5d41402a"}
_PARTLY = {**_STORED, "rejected": [_REJECTED], "items": _ITEMS}
_NONE: dict[str, Any] = {"accepted": 0, "rejected": [{**_REJECTED, "index": 0}], "items": _ITEMS[1:], "cursor": None}
_UNSTORED: dict[str, Any] = {"code": "log_unavailable", "stored": 1, "rejected": [], "items": [_ITEMS[0], _ITEMS[0]]}
_CURSOR = {"type": ["string", "null"], "description": "The furthest accepted event's place in the log; null: none was."}


def openapi_document() -> dict[str, Any]:
    """The document as plain JSON values."""
    _, schemas = msgspec.json.schema_components(
        [Item, DetailedItem, RejectedItem, Counters], ref_template="#/components/schemas/{name}"
    )
    for schema in schemas.values():
        schema["description"] = " ".join(schema.get("description", "").replace("``", "`").split())
    schemas |= {
        "Event": schema_of(IncomingEvent, SEED_EVENT, FULL_EVENT),
        "Problem": _PROBLEM,
        "Answer": _answer(),
        "Status": {
            "allOf": [
                _reference("Counters"),
                _object("Since when, and which log.", {"started_at": _MOMENT, "epoch": {"type": "string"}}),
            ]
        },
        "Alive": _object("The process runs.", {"status": {"const": "ok"}}),
        "Ready": _object("The log answers.", {"log": {"const": "ok"}}),
        "UnreadyProblem": {
            "allOf": [_reference("Problem"), _object("What does not answer.", {"log": {"type": "string"}})]
        },
        "RefusedProblem": {"allOf": [_reference("Problem"), _reference("Answer")]},
        "UnstoredProblem": _unstored(),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tailrace command", "version": version("tailrace"), "description": _DESCRIPTION},
        "paths": {
            "/events": {"post": _post()},
            "/status": {"get": _get("What happened since the start.", {"200": _json("Counts.", "Status", _STATUS)})},
            "/health/live": {"get": _get("Whether the process runs.", {"200": _json("It does.", "Alive", _ALIVE)})},
            "/health/ready": {"get": _get("Whether the log answers.", _readiness())},
            "/metrics": {"get": _get("Metrics for Prometheus.", {"200": _METRICS})},
        },
        "components": {"schemas": schemas},
    }


def _readiness() -> dict[str, Any]:
    silent = "the log did not answer in 2 s"
    return {
        "200": _json("It does.", "Ready", {"log": "ok"}),
        "503": _problem(503, "It does not.", "Unhealthy", silent, _RETRY, schema="UnreadyProblem", log=silent),
    }


def _answer() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What became of a body. `accepted` includes events that the log had already.",
        "properties": {
            "accepted": {"type": "integer"},
            "rejected": {"type": "array", "items": _reference("RejectedItem")},
            "items": {
                "description": "One for each event sent, in order; with `detail=1` where each is.",
                "anyOf": [
                    {"type": "array", "items": _reference("DetailedItem")},
                    {"type": "array", "items": _reference("Item")},
                ],
            },
            "cursor": _CURSOR,
        },
        "required": ["accepted", "rejected", "items", "cursor"],
    }


def _unstored() -> dict[str, Any]:
    members = {
        "code": {"enum": ["log_full", "log_unavailable"]},
        "stored": {"type": "integer", "description": "How many of the events are stored."},
        "rejected": {"type": "array", "items": _reference("RejectedItem")},
        "items": {"type": "array", "items": _reference("Item")},
    }
    described = _object("Not all is stored: send all of it again, with the ids that `items` tells.", members)
    return {"allOf": [_reference("Problem"), described]}


def _object(description: str, members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "properties": members, "required": list(members)}


def _post() -> dict[str, Any]:
    one_or_more = {"oneOf": [_reference("Event"), {"type": "array", "items": _reference("Event")}]}
    lines = {"schema": {"type": "string", "description": "An event per line."}}
    return {
        "tags": ["events"],
        "summary": "Put events into the log",
        "description": _POST,
        "parameters": [
            {
                "name": "detail",
                "in": "query",
                "schema": {"type": "string", "enum": ["1", "true"]},
                "description": "Also tells where each event is, and whether the log had it already.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": one_or_more}, "application/x-ndjson": lines},
        },
        "responses": {
            "202": _json("The log has all of it.", "Answer", _STORED),
            "207": _json("The log has what is not in `rejected`.", "Answer", _PARTLY),
            "400": _problem(
                400,
                "The body can't be split into events.",
                "Malformed body",
                "the array is empty: send at least one event",
            ),
            "413": _problem(
                413,
                "The body is too large.",
                "Body too large",
                "the body has 20,000,000 bytes, at most 16,777,216 are taken at once",
            ),
            "415": _problem(
                415,
                "Its kind or its encoding can't be read.",
                "Unsupported content encoding",
                "the body is encoded with gzip; send it as it is",
            ),
            "422": _problem(
                422, "Every event was refused.", "Refused", "user_id is missing", schema="RefusedProblem", **_NONE
            ),
            "429": _problem(
                429,
                "Too many events are on their way: send it again a little later.",
                "Too many events at once",
                "20,000 events are on their way into the log; send this again a little later",
                _RETRY,
            ),
            "503": _problem(
                503,
                "The log is full or away.",
                "The log is unavailable",
                "the log did not acknowledge within 5 s. 1 of 2 events are stored; sending all of them again with the "
                "event_id of each item is safe",
                _RETRY,
                schema="UnstoredProblem",
                **_UNSTORED,
            ),
        },
    }


def _get(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"tags": ["operation"], "summary": summary, "responses": responses}


def _json(description: str, schema: str, example: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": _reference(schema), "example": example}
    return {"description": description, "content": {"application/json": content}}


def _problem(
    status: int,
    description: str,
    title: str,
    detail: str,
    headers: dict[str, Any] | None = None,
    *,
    schema: str = "Problem",
    **members: Any,
) -> dict[str, Any]:
    example = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    content = {"application/problem+json": {"schema": _reference(schema), "example": example}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
