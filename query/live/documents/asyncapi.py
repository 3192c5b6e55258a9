"""The AsyncAPI document of ``/ws``, made from the models of its frames, messages and parameters."""

from importlib.metadata import version
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from query.live.documents.frames import FRAMES, StateFrame
from query.live.requests import MAX_MESSAGE, Filter, Pause, Resume, Seek, StreamRequest
from query.live.sending import BAD_REQUEST, ENDED, HEARTBEAT, SHUTTING_DOWN, STALLED, TOO_SLOW, TRY_AGAIN_LATER
from query.live.stream import MAX_MESSAGES
from runtime.serving import MAX_READ

MESSAGES: dict[type[BaseModel], tuple[dict[str, Any], ...]] = {
    Pause: ({"kind": "pause"},),
    Resume: ({"kind": "resume"},),
    Seek: (
        {"kind": "seek", "from": "-5m"},
        {
            "kind": "seek",
            "from": "2026-03-01T12:00:00Z",
            "until": "2026-03-01T13:00:00Z",
            "speed": 10,
            "clock": "event",
        },
        {"kind": "seek", "from": "latest", "speed": "max"},
    ),
    Filter: (
        {"kind": "filter", "event_type": ["checkout.*", "page_view"], "user_id": 123},
        {"kind": "filter"},
    ),
}
"""What a client can say, with examples."""
_MODELS: tuple[type[BaseModel], ...] = (*FRAMES, *MESSAGES)


class CloseCode(NamedTuple):
    """Why a socket is closed, and what its client does then."""

    code: int
    meaning: str


CLOSE_CODES = (
    CloseCode(ENDED, "`until` is reached: there is no more."),
    CloseCode(TRY_AGAIN_LATER, "the log does not answer: connect again, with the last cursor."),
    CloseCode(SHUTTING_DOWN, "the service is shutting down: connect again, with the last cursor."),
    CloseCode(TOO_SLOW, f"frames were not taken for {STALLED:g} s: connect again, with the last cursor."),
    CloseCode(BAD_REQUEST, "a bad request or message, which the reason names: don't repeat it."),
)

READING = f"""
Every entry of the log that you asked for comes once, in the log's order. Where that can't be, a `gap` says so: between
`asked` and `resumed_at` something is not an event or is gone, or the log is another one than the cursor's and is sent
from its beginning. Keep the `cursor` (after a gap: `resumed_at`) of the last frame, and connect again with it: nothing
is lost, nothing comes twice. An `event_id` may be in two entries if its sender repeated it much later; `/stats` counts
it once. While nothing else comes, `progress` comes at least every {HEARTBEAT:g} s, also while the stream is paused or
waits for an event's time, and while the log does not answer. Who has heard nothing for {2 * HEARTBEAT:g} s may take the
connection for dead, and connect again.
"""
"""What a client can rely on, and how it goes on."""

_CODES = "\n".join(f"- `{code}` {meaning}" for code, meaning in CLOSE_CODES)
CLOSING = f"""
The service closes with one of these codes, and a reason in words:

{_CODES}

`3503` (not allowed: don't try again) is kept for a service that knows who its clients are; this one never sends it.
"""
"""How a stream ends."""

_INFO = (
    "The read side's WebSocket: the log itself, from any place, then live. What is asked over plain HTTP, and the same "
    "stream as server-sent events, is in [openapi.json](openapi.json)."
)
_CHANNEL = f"""
A connection is one stream. Its query parameters say where it begins and ends, which events come, and how fast.
{READING}
{CLOSING}
"""
_SENT = "Each frame is one JSON text message. `hello` is the first."
_TAKEN = (
    "Each message is one JSON object as text. It is obeyed after what is on its way already, and answered by `state`. "
    f"One may have {MAX_MESSAGE:,} bytes, and {MAX_MESSAGES} may wait to be obeyed; what is more is a bad message, and "
    f"behind {MAX_READ:,} bytes the connection breaks off."
)
_WS = "#/channels/ws"


class _Schema(GenerateJsonSchema):
    """Without the titles that only say a member's name again, and with members in the order they are sent in."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        return value


def asyncapi_document() -> dict[str, Any]:
    """The document as plain JSON values, without ``servers``: who asks knows how the service is reached."""
    sent, taken = ([_kind(model) for model in models] for models in (FRAMES, MESSAGES))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tailrace query", "version": version("tailrace"), "description": _INFO},
        "defaultContentType": "application/json",
        "channels": {
            "ws": {
                "address": "/ws",
                "description": _CHANNEL,
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in (*sent, *taken)},
                "bindings": {"ws": {"method": "GET", "query": _parameters(), "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "frames": _operation("send", "Frames", _SENT, sent),
            "messages": {
                **_operation("receive", "Messages", _TAKEN, taken),
                "reply": {"channel": {"$ref": _WS}, "messages": _references([_kind(StateFrame)])},
            },
        },
        "components": _components(),
    }


def _operation(action: str, title: str, description: str, kinds: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": _WS},
        "description": description,
        "messages": _references(kinds),
    }


def _references(kinds: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"{_WS}/messages/{kind}"} for kind in kinds]


def _components() -> dict[str, Any]:
    _, made = models_json_schema(
        [(model, "validation") for model in _MODELS],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schema,
    )
    schemas = made["$defs"]
    for model, examples in MESSAGES.items():
        schemas[model.__name__]["examples"] = list(examples)
    for name in ("speed", "clock"):  # what a seek leaves out stays as it was
        del schemas[Seek.__name__]["properties"][name]["default"]
    messages = {
        _kind(model): {
            "name": _kind(model),
            "summary": schemas[model.__name__]["description"].partition("\n\n")[0],
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
            "examples": [{"payload": example} for example in schemas[model.__name__]["examples"]],
        }
        for model in _MODELS
    }
    return {"messages": messages, "schemas": schemas}


def _kind(model: type[BaseModel]) -> str:
    """The one ``kind`` that a frame or message of the model has."""
    (kind,) = model.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
    return str(kind)


def _parameters() -> dict[str, Any]:
    """The schema of the query parameters. None of them can be null: it is there or left out."""
    schema = StreamRequest.model_json_schema(schema_generator=_Schema)
    for name, parameter in schema["properties"].items():
        given = [one for one in parameter.pop("anyOf", []) if one != {"type": "null"}]
        if given:
            rest = given[0] if len(given) == 1 else {"anyOf": given}
            schema["properties"][name] = rest | parameter
        if schema["properties"][name].get("default", ...) is None:
            del schema["properties"][name]["default"]
    return schema
