"""The requests of clients: the parameters of ``/ws`` and ``/sse``, and the later messages of a ``/ws`` client."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from contracts.errors import BadCursorError
from query.errors import BadParameterError
from query.live.bounds import parse_end, parse_start
from query.parameters import EventTypeFilter, UserFilter

MAX_EVENTS = 256
"""Events of one frame."""
MAX_MESSAGE = 64 * 1024
"""Bytes of a client's message."""
MIN_SPEED, MAX_SPEED = 0.1, 100_000.0
MAX_WAIT = 10.0
"""Seconds that a paced stream waits between two events, so that a night without events is skipped."""

_END = "a cursor, RFC 3339 with a zone, or a relative time such as -5m"

Clock = Literal["log", "event"]


class BadStreamRequestError(BadParameterError):
    """The client's request or message is invalid: it must not repeat it."""


def _check_start(text: str) -> str:
    try:
        parse_start(text)
    except (BadCursorError, ValueError):
        raise ValueError(f"{text[:40]!r} is not 'latest', 'earliest', {_END}") from None
    return text


def _check_end(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parse_end(text)
    except (BadCursorError, ValueError):
        raise ValueError(f"{text[:40]!r} is not {_END}") from None
    return text


def _parse_speed(given: object) -> object:
    if given == "max":
        return None
    if isinstance(given, bool):
        raise ValueError("expected 'max' or a number")
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError("expected 'max' or a number") from None


Start = Annotated[
    str,
    AfterValidator(_check_start),
    Field(
        description="Where the stream starts: `latest` (only new entries), `earliest`, a cursor (entries after it), or "
        "a time in the log: RFC 3339, or a relative time such as `-5m` (s, m, h, d)."
    ),
]
End = Annotated[
    str | None,
    AfterValidator(_check_end),
    Field(description="Where the stream ends: a cursor (with its entry), or a time in the log (entries before it)."),
]
Factor = Annotated[float, Field(ge=MIN_SPEED, le=MAX_SPEED)]
Speed = Annotated[
    Factor | None,
    BeforeValidator(_parse_speed, json_schema_input_type=Literal["max"] | Factor),
    Field(
        description="`max`, or a factor of the original pace: 1 is the original, 10 is ten times as fast. Waits at "
        f"most {MAX_WAIT:g} s between two events. At the end of the log the stream becomes live.",
    ),
]
PaceClock = Annotated[
    Clock,
    Field(description="The timestamps that set the pace: `log` uses `logged_at`, `event` uses `created_at`."),
]


class StreamRequest(BaseModel):
    """The parameters of a stream."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Start = Field("latest", alias="from", examples=["-5m", "2026-03-01T12:00:00Z", "earliest"])
    until: End = Field(None, examples=["-1m", "2026-03-01T13:00:00Z"])
    event_type: EventTypeFilter = Field([], examples=[["checkout.*"]])
    user_id: UserFilter = Field(None, examples=[123])
    speed: Speed = Field(None, examples=["max", 10], json_schema_extra={"default": "max"})
    clock: PaceClock = "log"
    batch: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS, description="Maximum number of events in a frame.")


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Pause(_Message):
    """Pauses the stream until `resume` or `seek`."""

    kind: Literal["pause"]


class Resume(_Message):
    """Continues a paused stream."""

    kind: Literal["resume"]


class Seek(_Message):
    """Continues from another position. Without `until` there is no end; `speed` and `clock` are kept if omitted."""

    kind: Literal["seek"]
    start: Start = Field(alias="from")
    until: End = None
    speed: Speed = None
    clock: PaceClock = "log"


class Filter(_Message):
    """Selects other events from here on."""

    kind: Literal["filter"]
    event_type: EventTypeFilter = []
    user_id: UserFilter = None


Message = Pause | Resume | Seek | Filter
_messages: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
_KINDS = {"pause", "resume", "seek", "filter"}
_LISTS = {"event_type"}

EXAMPLES: dict[type[BaseModel], list[dict[str, Any]]] = {
    Pause: [{"kind": "pause"}],
    Resume: [{"kind": "resume"}],
    Seek: [
        {"kind": "seek", "from": "-5m"},
        {
            "kind": "seek",
            "from": "2026-03-01T12:00:00Z",
            "until": "2026-03-01T13:00:00Z",
            "speed": 10,
            "clock": "event",
        },
        {"kind": "seek", "from": "latest", "speed": "max"},
    ],
    Filter: [
        {"kind": "filter", "event_type": ["checkout.*", "page_view"], "user_id": 123},
        {"kind": "filter"},
    ],
}
"""Examples of each message, for the documents."""


def read_request(parameters: Iterable[tuple[str, str]]) -> StreamRequest:
    """Parses query parameters.

    Raises:
        BadStreamRequestError: it names each invalid parameter.
    """
    given: dict[str, Any] = {}
    for name, text in parameters:
        if name in _LISTS:
            given.setdefault(name, []).append(text)
        elif name in given:
            raise BadStreamRequestError(f"{name[:40]!r} is given more than once")
        else:
            given[name] = text
    try:
        return StreamRequest.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadStreamRequestError(_reasons(error, "parameter")) from None


def read_message(text: str | bytes) -> Message:
    """Parses a client's message.

    Raises:
        BadStreamRequestError: the message is invalid.
    """
    if len(text if isinstance(text, bytes) else text.encode()) > MAX_MESSAGE:
        raise BadStreamRequestError(f"a message has at most {MAX_MESSAGE:,} bytes")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise BadStreamRequestError("a message must be a JSON object")
    try:
        return _messages.validate_python(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadStreamRequestError(_reasons(error, "member")) from None


def _reasons(error: ValidationError, thing: str) -> str:
    return "; ".join(_reason(found, thing) for found in error.errors())


def _reason(found: Any, thing: str) -> str:
    names = [str(part) for part in found["loc"] if str(part) not in _KINDS or found["loc"][-1] == part]
    name = names[0][:40] if names else ""
    if found["type"] == "extra_forbidden":
        return f"{name!r} is not a {thing}"
    if found["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "kind: expected 'pause', 'resume', 'seek' or 'filter'"
    message: str = found["msg"].removeprefix("Value error, ")
    return f"{name}: {message[:1].lower() + message[1:]}"
