"""The OpenAPI document of the HTTP side: schemas and examples come from the structs that the service encodes."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from command.answers import (
    Alive,
    Answer,
    Item,
    Problem,
    Ready,
    RefusedProblem,
    RejectedItem,
    Status,
    UnreadyProblem,
    UnstoredProblem,
)
from command.bodies import MAX_EVENTS
from command.messages import FULL_EVENT, SEED_EVENT, schema_of
from contracts.events import IncomingEvent

_DESCRIPTION = """
The write side of Tailrace: `POST /events` appends events to the log. An answer of 2xx means that they are stored. The
same over NATS: [AsyncAPI](asyncapi). Errors are problem+json (RFC 9457). A service that listens beyond loopback asks
for a key: `Authorization: Bearer <key>`.
"""
_POST = f"""
Accepts one event, a JSON array of events, or NDJSON (one event per line), up to {MAX_EVENTS:,} events. Each event is
validated separately. Send an `event_id` if you retry after errors: an id counts once. Events without an id get one;
`items` lists the ids in the order of the body.
"""
_DETAIL = {
    "name": "detail",
    "in": "query",
    "schema": {"type": "string", "enum": ["1", "true", "0", "false"]},
    "description": "Adds the position of each event, and whether the log had it before.",
}
_STATUS = Status(
    accepted=12_000,
    duplicates=17,
    rejected=3,
    pending=64,
    started_at=datetime(2025, 10, 10, 10, tzinfo=UTC),
    epoch="3f9c1a7be204",
)
_ID = FULL_EVENT["event_id"]
_ITEMS = [Item(_ID, UNSET, UNSET), Item(None, UNSET, UNSET)]
_REJECTED = RejectedItem(1, None, "missing_field", "event_type is missing")
_CURSOR = "3f9c1a7be204:41:5d41402a"
_SCHEMAS = (Answer, Status, Alive, Ready, Problem, UnreadyProblem, RefusedProblem, UnstoredProblem)


def _problem(status: int, title: str, detail: str) -> Problem:
    return Problem(type="about:blank", title=title, status=status, detail=detail)


_SILENT = "the log did not answer in 2 s"
_UNREADY = UnreadyProblem(type="about:blank", title="Unhealthy", status=503, detail=_SILENT, log=_SILENT)
_REFUSED = RefusedProblem(
    type="about:blank",
    title="Refused",
    status=422,
    detail="event_type is missing",
    accepted=0,
    rejected=[msgspec.structs.replace(_REJECTED, index=0)],
    items=_ITEMS[1:],
    cursor=None,
)
_UNSTORED = UnstoredProblem(
    type="about:blank",
    title="The log is unavailable",
    status=503,
    detail="the log did not acknowledge within 5 s. 1 of 2 events are stored; sending all of them again with the "
    "event_id of each item is safe",
    code="log_unavailable",
    stored=1,
    rejected=[],
    items=[_ITEMS[0], _ITEMS[0]],
)


def openapi_document() -> dict[str, Any]:
    """Returns the document as plain JSON values."""
    _, schemas = msgspec.json.schema_components(_SCHEMAS, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = " ".join(schema["description"].replace("``", "`").split())
    schemas["Event"] = schema_of(IncomingEvent, SEED_EVENT, FULL_EVENT)
    metrics = {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tailrace command", "version": version("tailrace"), "description": _DESCRIPTION},
        "paths": {
            "/events": {"post": _post()},
            "/status": _get("Counts events since the start.", {"200": _answer("The counts.", _STATUS)}),
            "/health/live": _get("Whether the process runs.", {"200": _answer("It runs.", Alive())}),
            "/health/ready": _get(
                "Whether the log answers.",
                {"200": _answer("It answers.", Ready()), "503": _answer("It does not answer.", _UNREADY, retry=True)},
            ),
            "/metrics": _get("Metrics for Prometheus.", {"200": metrics}),
        },
        "components": {"schemas": schemas},
    }


def _post() -> dict[str, Any]:
    event = _reference("Event")
    lines = {"schema": {"type": "string", "description": "One event per line."}}
    stored = Answer(accepted=1, rejected=[], items=_ITEMS[:1], cursor=_CURSOR)
    partly = Answer(accepted=1, rejected=[_REJECTED], items=_ITEMS, cursor=_CURSOR)
    empty = _problem(400, "Malformed body", "the array is empty: send at least one event")
    large = _problem(413, "Body too large", "the body has 20,000,000 bytes, and the limit is 4,194,304")
    gzip = _problem(415, "Unsupported content encoding", "the body is encoded with gzip: send it without an encoding")
    busy = _problem(
        429, "Too many events at once", "20,000 events are on their way into the log; send this again a little later"
    )
    return {
        "tags": ["events"],
        "summary": "Append events to the log",
        "description": _POST,
        "parameters": [_DETAIL],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [event, {"type": "array", "items": event}]}},
                "application/x-ndjson": lines,
            },
        },
        "responses": {
            "202": _answer("The log has all events.", stored),
            "207": _answer("The log has the events that are not in `rejected`.", partly),
            "400": _answer("The body can't be split into events.", empty),
            "413": _answer("The body is too large.", large),
            "415": _answer("The media type or the encoding is not supported.", gzip),
            "422": _answer("Every event was refused.", _REFUSED),
            "429": _answer("Too many events are pending: retry a little later.", busy, retry=True),
            "503": _answer("The log is full or unavailable.", _UNSTORED, retry=True),
        },
    }


def _get(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"tags": ["operation"], "summary": summary, "responses": responses}}


def _answer(description: str, example: Struct, *, retry: bool = False) -> dict[str, Any]:
    media_type = "application/problem+json" if isinstance(example, Problem) else "application/json"
    content = {"schema": _reference(type(example).__name__), "example": msgspec.to_builtins(example)}
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {"description": description, "content": {media_type: content}} | ({"headers": headers} if retry else {})


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
