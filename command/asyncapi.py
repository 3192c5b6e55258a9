"""The AsyncAPI document: FastStream's, generated from the running handlers, completed with what it can't know."""

import json
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from command.messages import FULL_EVENT, SubmitReply, schema_of
from command.publishers import LOGGED, REFUSED
from contracts.subjects import INBOX, INBOX_STREAM, LOG_STREAM, REJECTED_STREAM, SUBMIT
from migrations.streams import stream_configs
from runtime.settings import Settings

_DESCRIPTION = (
    "Receives events over NATS and appends them to the log. The same events can be posted over HTTP: `POST /events` "
    "accepts one event, a JSON array, or NDJSON ([OpenAPI](docs))."
)
_REPLY = f"{SUBMIT}:reply"
_REPLIES: tuple[dict[str, Any], ...] = (
    {"event_id": FULL_EVENT["event_id"], "cursor": "3f9c1a7be204:41:5d41402a", "duplicate": False},
    {"error": {"code": "missing_field", "message": "event_type is missing", "retryable": False}},
)
_PARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    LOGGED: {
        "event_type": {"description": "the event's type, as subject tokens", "examples": ["page_view", "checkout.paid"]}
    },
    REFUSED: {
        "code": {
            "description": "the reason in one word",
            "location": "$message.payload#/code",
            "examples": ["missing_field", "invalid_json"],
        }
    },
}
_STREAMS = {INBOX: INBOX_STREAM, LOGGED: LOG_STREAM, REFUSED: REJECTED_STREAM}
_OF_A_STREAM = ("subjects", "retention", "discard", "storage")
"""The same in every installation; sizes and copies are settings."""
_TRACE = {
    "type": "string",
    "description": "The trace of the message (W3C Trace Context); used and passed on if tracing is on.",
    "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
}


def _headers(message_id: dict[str, Any] | None, *, required: bool) -> dict[str, Any]:
    known = {"Nats-Msg-Id": {"type": "string", **message_id}} if message_id else {}
    schema = {"type": "object", "properties": {**known, "traceparent": _TRACE}}
    return schema | ({"required": list(known)} if required else {})


_HEADERS = {
    INBOX: _headers(
        {"description": "JetStream stores one message per id within two minutes. An `event_id` counts once for ever."},
        required=False,
    ),
    SUBMIT: _headers(None, required=False),
    LOGGED: _headers(
        {"format": "uuid", "description": "The event's id.", "examples": [FULL_EVENT["event_id"]]}, required=True
    ),
    REFUSED: _headers(
        {
            "pattern": "^rejected:[^:]+:[0-9]+:[0-9]+$",
            "description": "Identifies the message of the inbox: the inbox's epoch, the sequence, the time (ns).",
            "examples": ["rejected:b7c0d9e4a1f2:7:1760090400125000000"],
        },
        required=True,
    ),
}
_TITLES = {INBOX: "Event", SUBMIT: "Event", LOGGED: "Logged event", REFUSED: "Refused message"}
_USER: dict[str, Any] = {
    "type": "userPassword",
    "description": "A user of the log's server, if it has users. In containers `producer` may publish on `analytics` "
    "and `analytics.submit` and read the replies, nothing else.",
}


def asyncapi_document(broker: NatsBroker, *, with_users: bool) -> dict[str, Any]:
    """Returns the document as plain JSON values; ``with_users``: the log's server has users.

    All handlers and publishers of the broker must be declared.
    """
    made = AsyncAPI(broker, title="Tailrace command", version=version("tailrace"), description=_DESCRIPTION)
    document: dict[str, Any] = json.loads(made.to_specification().to_json())
    for channel, parameters in _PARAMETERS.items():
        document["channels"][channel]["parameters"] = parameters
    for name, operation in document["operations"].items():
        operation["description"] = document["channels"][name]["description"]  # viewers show it only here
    _describe_streams(document)
    document["components"]["securitySchemes"] = {"user": _USER}
    if with_users:
        for server in document["servers"].values():
            server["security"] = [{"$ref": "#/components/securitySchemes/user"}]
    schemas = document["components"]["schemas"]
    for name, message in document["components"]["messages"].items():
        message.pop("correlationId", None)  # a header of FastStream that no sender has to set
        payload = schemas[unquote(message["payload"]["$ref"].rpartition("/")[2])]
        channel = name.rpartition(":")[0]
        headers = _HEADERS[channel]
        given = {key: headers["properties"][key]["examples"][0] for key in headers.get("required", [])}
        message |= {"name": name, "title": _TITLES[channel], "headers": headers}
        message["examples"] = [
            {**({"headers": given} if given else {}), "payload": example} for example in payload["examples"]
        ]
    _describe_reply(document)
    return document


def _describe_streams(document: dict[str, Any]) -> None:
    # the NATS binding has no member for streams
    streams = {config["name"]: config for config in stream_configs(Settings.model_construct())}
    for channel, name in _STREAMS.items():
        known = {key: streams[name][key] for key in _OF_A_STREAM}
        document["channels"][channel]["x-jetstream"] = {"stream": name, **known}


def _describe_reply(document: dict[str, Any]) -> None:
    # FastStream does not describe the replies of a handler
    components, reference = document["components"], {"$ref": f"#/channels/{_REPLY}"}
    components["schemas"][f"{_REPLY}:Payload"] = schema_of(SubmitReply)
    components["messages"][_REPLY] = {
        "name": _REPLY,
        "title": "Answer",
        "payload": {"$ref": f"#/components/schemas/{_REPLY}:Payload"},
        "examples": [{"payload": example} for example in _REPLIES],
    }
    document["channels"][_REPLY] = {
        "address": None,
        "description": "The reply to a request on `analytics.submit`, on the reply subject of the request.",
        "messages": {"Reply": {"$ref": f"#/components/messages/{_REPLY}"}},
    }
    document["operations"][SUBMIT]["reply"] = {
        "channel": reference,
        "messages": [{"$ref": f"#/channels/{_REPLY}/messages/Reply"}],
    }
