"""The AsyncAPI document of ``/ws``, built from the types of its frames, messages and parameters."""

from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from websockets.frames import CloseCode

from query.live import frames, requests
from query.live.frames import LoggedEvent, StateFrame
from query.live.requests import MAX_MESSAGE, Seek, StreamRequest
from query.live.sending import BAD_REQUEST, ENDED, HEARTBEAT, SHUTTING_DOWN, STALL_TIMEOUT, TOO_SLOW, TRY_AGAIN_LATER
from query.live.stream import MAX_MESSAGES
from runtime.serving import MAX_READ

CLOSE_CODES = {
    ENDED: "`until` is reached.",
    CloseCode.POLICY_VIOLATION.value: "the client sent too many frames a second (`TAILRACE_MAX_FRAMES_PER_SECOND`).",
    TRY_AGAIN_LATER: "the log does not answer: reconnect with the last cursor.",
    SHUTTING_DOWN: "the service is shutting down: reconnect with the last cursor.",
    TOO_SLOW: f"the client read nothing for {STALL_TIMEOUT:g} s: reconnect with the cursor in the reason.",
    BAD_REQUEST: "a parameter or message is invalid, as the reason says: do not repeat it.",
}

READING = f"""
Every requested entry of the log arrives exactly once, in the order of the log. If that is not possible, a `gap` names
the entries between `asked` and `resumed_at`: they are lost, are not events, or belong to another log than the cursor.
In the last case the current log follows from its start. Store the `cursor` (after a gap: `resumed_at`) of the last
frame, and reconnect with it: no entry is lost or repeated. An `event_id` can occur in two entries if its sender
repeated it much later; `/stats` counts it once. At least every {HEARTBEAT:g} s a `progress` frame arrives if nothing
else does, also while the stream is paused or waits for an event's time, and while the log does not answer. After
{2 * HEARTBEAT:g} s without a frame, treat the connection as dead and reconnect.
"""
"""What a client can rely on."""

CLOSING = f"""
The service closes a connection with one of these codes, and a reason:

{chr(10).join(f"- `{code}` {meaning}" for code, meaning in CLOSE_CODES.items())}

`3503` (forbidden: do not retry) is reserved.
"""
"""How a stream ends."""

_INFO = (
    "The WebSocket of the read side: the log from any position, then live. The HTTP endpoints, and the same stream as "
    "server-sent events, are in [openapi.json](openapi.json)."
)
_CHANNEL = f"""
A connection is one stream. Its query parameters select where it starts and ends, its events and its pace.
{READING}
{CLOSING}
"""
_SENT = "Each frame is a JSON text message. `hello` is the first."
_RECEIVED = (
    "Each message is a JSON object as text. It is applied after the current frame, and answered by `state`. A message "
    f"has at most {MAX_MESSAGE:,} bytes, and at most {MAX_MESSAGES} can be pending; otherwise it is invalid. A message "
    f"of more than {MAX_READ:,} bytes ends the connection."
)
_WS = "#/channels/ws"


class _Schema(GenerateJsonSchema):
    """Schemas without generated titles, with members in the order of their definition."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        return value


def asyncapi_document() -> dict[str, Any]:
    """Returns the document as JSON values, without ``servers``: their address depends on the request."""
    schemas = _schemas()
    kinds = {name: schema["properties"]["kind"] for name, schema in schemas.items() if name != LoggedEvent.__name__}
    messages = {
        kind.get("const") or kind["enum"][0]: {
            "name": kind.get("const") or kind["enum"][0],
            "summary": schemas[name]["description"].partition("\n\n")[0],
            "payload": {"$ref": f"#/components/schemas/{name}"},
            "examples": [{"payload": example} for example in schemas[name]["examples"]],
        }
        for name, kind in kinds.items()
    }
    sent = [kind for kind, message in messages.items() if message["payload"]["$ref"].endswith("Frame")]
    received = [kind for kind in messages if kind not in sent]
    state = StateFrame.__struct_config__.tag
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tailrace query", "version": version("tailrace"), "description": _INFO},
        "defaultContentType": "application/json",
        "channels": {
            "ws": {
                "address": "/ws",
                "description": _CHANNEL,
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in messages},
                "bindings": {"ws": {"method": "GET", "query": _parameters(), "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "frames": _operation("send", "Frames", f"{_SENT}\n{_CHANNEL}", sent),
            "messages": {
                **_operation("receive", "Messages", _RECEIVED, received),
                "reply": {"channel": {"$ref": _WS}, "messages": _references([state])},
            },
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _operation(action: str, title: str, description: str, kinds: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": _WS},
        "description": description,
        "messages": _references(kinds),
    }


def _references(kinds: list[Any]) -> list[dict[str, str]]:
    return [{"$ref": f"{_WS}/messages/{kind}"} for kind in kinds]


def _schemas() -> dict[str, dict[str, Any]]:
    """Returns the schemas of frames (by msgspec) and messages (by pydantic), with their examples."""
    reference = "#/components/schemas/{%s}"
    structs: list[type[Struct]] = list(frames.EXAMPLES)
    _, found = msgspec.json.schema_components(structs, ref_template=reference % "name")
    _, made = models_json_schema(
        [(model, "validation") for model in requests.EXAMPLES],
        ref_template=reference % "model",
        schema_generator=_Schema,
    )
    schemas: dict[str, dict[str, Any]] = found | made["$defs"]
    documented: list[tuple[type[Struct] | type[BaseModel], list[dict[str, Any]]]]
    documented = [*frames.EXAMPLES.items(), *requests.EXAMPLES.items()]
    for kind, examples in documented:
        schemas[kind.__name__]["examples"] = examples
        schemas[kind.__name__].pop("title", None)
    for name in ("speed", "clock"):  # a seek without them keeps their values
        del schemas[Seek.__name__]["properties"][name]["default"]
    return schemas


def _parameters() -> dict[str, Any]:
    """Returns the schema of the query parameters. A parameter is never null, only omitted."""
    schema = StreamRequest.model_json_schema(schema_generator=_Schema)
    for name, parameter in schema["properties"].items():
        given = [one for one in parameter.pop("anyOf", []) if one != {"type": "null"}]
        if given:
            rest = given[0] if len(given) == 1 else {"anyOf": given}
            schema["properties"][name] = rest | parameter
        if schema["properties"][name].get("default", ...) is None:
            del schema["properties"][name]["default"]
    return schema
