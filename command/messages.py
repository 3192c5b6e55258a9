"""The shapes of NATS messages: schemas for the AsyncAPI document, generated from the contracts' own structs.

Handlers receive messages undecoded, since only ``read_event`` decides what an event is; their annotations carry the
schema. FastStream's own decoding and injection costs more than the rest (four thread switches per message).
"""

from typing import Annotated, Any

import msgspec
from faststream.nats.message import NatsMessage
from msgspec import Meta
from pydantic import InstanceOf, WithJsonSchema

from contracts.events import MAX_EVENT_DATA, Event, IncomingEvent

SEED_EVENT: dict[str, Any] = {
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}
"""The event of the system that Tailrace replaces."""
FULL_EVENT: dict[str, Any] = {"event_id": "0199cd9c-5a10-7c3e-9d2b-6a1f0c2b1177", **SEED_EVENT}


EventId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]


class SubmitError(msgspec.Struct, frozen=True):
    """Why an event was not stored. If ``retryable``, it can be sent again; with an ``event_id`` that is safe."""

    code: Annotated[str, Meta(description="the reason in one word", examples=["missing_field", "log_unavailable"])]
    message: Annotated[str, Meta(description="the reason in a sentence")]
    retryable: Annotated[bool, Meta(description="whether sending it again can succeed")]


class SubmitReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reply to a submitted event: its position in the log, or ``error``."""

    event_id: Annotated[EventId | None, Meta(description="the event's id, generated if it came without one")] = None
    cursor: Annotated[str | None, Meta(description="its position in the log")] = None
    duplicate: Annotated[bool | None, Meta(description="whether the log had it before")] = None
    error: Annotated[SubmitError | None, Meta(description="why it was not stored; then the only member")] = None


async def undecoded(message: NatsMessage) -> NatsMessage:
    """Decodes nothing: FastStream passes the message itself to the handler."""
    return message


def schema_of(struct: type[msgspec.Struct], *examples: dict[str, Any]) -> dict[str, Any]:
    """Returns a struct's JSON schema without references, titled with the struct's name."""
    schema = msgspec.json.schema(struct)
    definitions = schema["$defs"]
    found: dict[str, Any] = _inlined(definitions[struct.__name__], definitions)
    found["description"] = (struct.__doc__ or "").replace("``", "`")
    if "event_data" in found["properties"]:
        found["properties"]["event_data"] = {
            "type": "object",
            "description": f"anything, as a JSON object of at most {MAX_EVENT_DATA:,} bytes",
        }
    if examples:
        found["examples"] = list(examples)
    return found


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items()}


IncomingMessage = Annotated[NatsMessage, InstanceOf(), WithJsonSchema(schema_of(IncomingEvent, SEED_EVENT, FULL_EVENT))]
LoggedBody = Annotated[bytes, WithJsonSchema(schema_of(Event, FULL_EVENT))]
