"""The AsyncAPI document: FastStream's, of the handlers that really run, with what it can't know added."""

import json
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import unquote

from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI
from pydantic import WithJsonSchema

from tailrace.command.messages import FULL_EVENT, LoggedBody, SubmitReply, schema_of
from tailrace.command.rejected import Rejected
from tailrace.contracts.subjects import EVENTS_PREFIX, REJECTED_PREFIX, SUBMIT

LOGGED = f"{EVENTS_PREFIX}{{event_type}}"
REFUSED = f"{REJECTED_PREFIX}{{code}}"

_DESCRIPTION = (
    "Takes events in over NATS and appends them to the log. The same events can be posted over HTTP: "
    "`POST /events` takes one event, a JSON array, or NDJSON."
)
_REPLY = f"{SUBMIT}:reply"
_REPLIES: tuple[dict[str, Any], ...] = (
    {"event_id": FULL_EVENT["event_id"], "cursor": "3f9c1a7be204:41:5d41402a", "duplicate": False},
    {"error": {"code": "missing_field", "message": "user_id is missing", "retryable": False}},
)
_REFUSAL: dict[str, Any] = {
    "code": "missing_field",
    "message": "user_id is missing",
    "source": "inbox",
    "inbox_seq": 7,
    "received_at": "2025-10-10T10:00:00.125Z",
    "payload": '{"event_type":"page_view","event_data":{}}',
    "payload_encoding": "utf-8",
    "payload_bytes": 42,
}
_PARAMETERS: dict[str, dict[str, dict[str, str]]] = {
    LOGGED: {"event_type": {"description": "the event's type, as subject tokens"}},
    REFUSED: {"code": {"description": "the reason in one word"}},
}
_HEADERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "Nats-Msg-Id": {"type": "string", "format": "uuid", "description": "The event's id."},
        "traceparent": {
            "type": "string",
            "description": "Its trace, if it is traced (W3C).",
        },
    },
    "required": ["Nats-Msg-Id"],
}
RefusedBody = Annotated[bytes, WithJsonSchema(schema_of(Rejected, _REFUSAL))]


def declare_publishers(broker: NatsBroker) -> None:
    """Declares what the service publishes, so that the document shows it."""
    broker.publisher(
        LOGGED,
        schema=LoggedBody,
        title=LOGGED,
        description="The log. Dots in an event type separate tokens; what a subject can't carry is percent-encoded.",
    )
    broker.publisher(
        REFUSED,
        schema=RefusedBody,
        title=REFUSED,
        description="What validation refused from the inbox, with the reason.",
    )


def asyncapi_document(broker: NatsBroker) -> dict[str, Any]:
    """The document as plain JSON values. The broker's handlers and publishers must be declared."""
    made = AsyncAPI(broker, title="Tailrace command", version=version("tailrace"), description=_DESCRIPTION)
    document: dict[str, Any] = json.loads(made.to_specification().to_json())
    for channel, parameters in _PARAMETERS.items():
        document["channels"][channel]["parameters"] = parameters
    schemas = document["components"]["schemas"]
    for name, message in document["components"]["messages"].items():
        message.pop("correlationId", None)  # FastStream's own header; no sender has to know it
        payload = schemas[unquote(message["payload"]["$ref"].rpartition("/")[2])]
        message["name"] = name
        message["examples"] = [{"payload": example} for example in payload["examples"]]
        if LOGGED in name:
            message["headers"] = _HEADERS
    _describe_reply(document)
    return document


def _describe_reply(document: dict[str, Any]) -> None:
    # FastStream knows that a handler answers, but not where the document says so
    components, reference = document["components"], {"$ref": f"#/channels/{_REPLY}"}
    components["schemas"][f"{_REPLY}:Payload"] = schema_of(SubmitReply)
    components["messages"][_REPLY] = {
        "name": _REPLY,
        "title": _REPLY,
        "payload": {"$ref": f"#/components/schemas/{_REPLY}:Payload"},
        "examples": [{"payload": example} for example in _REPLIES],
    }
    document["channels"][_REPLY] = {
        "address": None,
        "description": "The answer to a request on `analytics.submit`, sent to the request's reply subject.",
        "messages": {"Reply": {"$ref": f"#/components/messages/{_REPLY}"}},
    }
    document["operations"][SUBMIT]["reply"] = {
        "channel": reference,
        "messages": [{"$ref": f"#/channels/{_REPLY}/messages/Reply"}],
    }
