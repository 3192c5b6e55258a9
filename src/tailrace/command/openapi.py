"""The OpenAPI document of the command service's HTTP side, made from the structs that its answers are."""

from importlib.metadata import version
from typing import Any

import msgspec

from tailrace.command.bodies import MAX_EVENTS
from tailrace.command.http import DetailedItem, Item, RejectedItem
from tailrace.command.messages import FULL_EVENT, SEED_EVENT, schema_of
from tailrace.command.metrics import Counters
from tailrace.contracts.events import IncomingEvent

_DESCRIPTION = """
The write side of Tailrace: `POST /events` puts events into the log. What it answers 2xx for is stored. The same over
NATS is described by [asyncapi](asyncapi). Errors are problem+json (RFC 9457).
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
        "RefusedProblem": {"allOf": [_reference("Problem"), _reference("Answer")]},
        "UnstoredProblem": _unstored(),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tailrace command", "version": version("tailrace"), "description": _DESCRIPTION},
        "paths": {
            "/events": {"post": _post()},
            "/status": {"get": _get("What happened since the start.", {"200": _json("Counts.", "Counters")})},
            "/health/live": {"get": _get("Whether the process runs.", {"200": _json("It does.")})},
            "/health/ready": {
                "get": _get(
                    "Whether the log answers.", {"200": _json("It does."), "503": _problem("It does not.", "Problem")}
                )
            },
            "/metrics": {"get": _get("Metrics for Prometheus.", {"200": {"description": "Its text format."}})},
        },
        "components": {"schemas": schemas},
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
        "examples": [
            {
                "accepted": 1,
                "rejected": [],
                "items": [{"event_id": FULL_EVENT["event_id"]}],
                "cursor": "3f9c1a7be204:41:5d41402a",
            }
        ],
    }


def _unstored() -> dict[str, Any]:
    members = {
        "code": {"enum": ["log_full", "log_unavailable"]},
        "stored": {"type": "integer", "description": "How many of the events are stored."},
        "rejected": {"type": "array", "items": _reference("RejectedItem")},
        "items": {"type": "array", "items": _reference("Item")},
    }
    described = {
        "type": "object",
        "description": "Not all is stored: send all of it again, with the ids that `items` tells. That is safe.",
        "properties": members,
        "required": list(members),
    }
    return {"allOf": [_reference("Problem"), described]}


def _post() -> dict[str, Any]:
    one_or_more = {"oneOf": [_reference("Event"), {"type": "array", "items": _reference("Event")}]}
    lines = {"schema": {"type": "string", "description": "An event per line."}}
    return {
        "summary": "Put events into the log",
        "description": _POST,
        "parameters": [
            {
                "name": "detail",
                "in": "query",
                "schema": {"enum": ["1", "true"]},
                "description": "Also tells where each event is, and whether the log had it already.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": one_or_more}, "application/x-ndjson": lines},
        },
        "responses": {
            "202": _json("The log has all of it.", "Answer"),
            "207": _json("The log has what is not in `rejected`.", "Answer"),
            "400": _problem("The body can't be split into events.", "Problem"),
            "413": _problem("The body is too large.", "Problem"),
            "415": _problem("Its kind or its encoding can't be read.", "Problem"),
            "422": _problem("Every event was refused.", "RefusedProblem"),
            "429": _problem("Too many events are on their way: send it again a little later.", "Problem"),
            "503": _problem("The log is full or away.", "UnstoredProblem"),
        },
    }


def _get(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": responses}


def _json(description: str, schema: str = "") -> dict[str, Any]:
    content = {"schema": _reference(schema) if schema else {"type": "object"}}
    return {"description": description, "content": {"application/json": content}}


def _problem(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _reference(schema)}}}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
