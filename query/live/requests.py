"""What clients ask of a stream: the parameters of ``/ws`` and ``/sse``, and what a client of ``/ws`` says later."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from contracts.errors import BadCursorError
from contracts.patterns import TypePattern
from query.errors import BadParameterError
from query.live.frames import MAX_EVENTS
from query.live.pacing import LONGEST_WAIT
from query.live.places import parse_end, parse_start
from query.live.selection import Selection
from query.parameters import EventTypeFilter, UserFilter

MAX_MESSAGE = 64 * 1024
"""Bytes of what a client says at once."""
SLOWEST, FASTEST = 0.1, 100_000.0

PLACE = "a cursor, RFC 3339 with a zone, or so long ago, such as -5m"

Clock = Literal["log", "event"]


class BadStreamRequestError(BadParameterError):
    """The client asked for what there isn't: tell it, so that it doesn't ask again."""


def _start(text: str) -> str:
    try:
        parse_start(text)
    except (BadCursorError, ValueError):
        raise ValueError(f"{text[:40]!r} is not 'latest', 'earliest', {PLACE}") from None
    return text


def _end(text: str) -> str:
    try:
        parse_end(text)
    except (BadCursorError, ValueError):
        raise ValueError(f"{text[:40]!r} is not {PLACE}") from None
    return text


def _speed(given: object) -> object:
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
    AfterValidator(_start),
    Field(
        description="Where to begin: `latest` (only what comes from now on), `earliest`, a cursor (what follows it), "
        "or when the log took it: RFC 3339, or so long ago, such as `-5m` (s, m, h, d)."
    ),
]
End = Annotated[
    str | None,
    AfterValidator(lambda text: text if text is None else _end(text)),
    Field(description="Where to end: a cursor (up to and including it), or a time of the log (what came before it)."),
]
Factor = Annotated[float, Field(ge=SLOWEST, le=FASTEST)]
Speed = Annotated[
    Factor | None,
    BeforeValidator(_speed, json_schema_input_type=Literal["max"] | Factor),
    Field(
        description=f"`max`, or a factor of the original pace: 1 is as it happened, 10 ten times as fast. Nobody waits "
        f"longer than {LONGEST_WAIT:g} s between two events. At the log's end it goes on live.",
    ),
]
Clocked = Annotated[
    Clock,
    Field(description="The original pace: by when the `log` took the events, or by their own `created_at`, `event`."),
]


class StreamRequest(BaseModel):
    """The parameters of a stream."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Start = Field("latest", alias="from", examples=["-5m", "2026-03-01T12:00:00Z", "earliest"])
    until: End = Field(None, examples=["-1m", "2026-03-01T13:00:00Z"])
    event_type: EventTypeFilter = Field([], examples=[["checkout.*"]])
    user_id: UserFilter = Field(None, examples=[123])
    speed: Speed = Field(None, examples=["max", 10], json_schema_extra={"default": "max"})
    clock: Clocked = "log"
    batch: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS, description="At most so many events in a frame.")

    @property
    def selection(self) -> Selection:
        """Which events are wanted."""
        return Selection(tuple(TypePattern.parse(text) for text in self.event_type), self.user_id)


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Pause(_Message):
    """Sends nothing until ``resume`` or ``seek``."""

    kind: Literal["pause"]


class Resume(_Message):
    """Goes on where the stream was paused."""

    kind: Literal["resume"]


class Seek(_Message):
    """Goes on from another place. Without ``until`` there is no end; ``speed`` and ``clock`` stay if not given."""

    kind: Literal["seek"]
    start: Start = Field(alias="from")
    until: End = None
    speed: Speed = None
    clock: Clocked = "log"


class Filter(_Message):
    """From here on, other events."""

    kind: Literal["filter"]
    event_type: EventTypeFilter = []
    user_id: UserFilter = None


Message = Pause | Resume | Seek | Filter
_messages: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
_LISTS = {"event_type"}


def read_request(parameters: Iterable[tuple[str, str]]) -> StreamRequest:
    """Reads the query parameters of a socket.

    Raises:
        BadStreamRequestError: naming each that is wrong.
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
    """Reads what a client says.

    Raises:
        BadStreamRequestError: it is none of what can be said.
    """
    if len(text if isinstance(text, bytes) else text.encode()) > MAX_MESSAGE:
        raise BadStreamRequestError(f"a message may have {MAX_MESSAGE:,} bytes at most")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadStreamRequestError("a message has to be a JSON object") from None
    if not isinstance(given, dict):
        raise BadStreamRequestError("a message has to be a JSON object")
    try:
        return _messages.validate_python(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadStreamRequestError(_reasons(error, "member")) from None


def _reasons(error: ValidationError, thing: str) -> str:
    return "; ".join(_reason(found, thing) for found in error.errors())


def _reason(found: Any, thing: str) -> str:
    kinds = {model.__name__.lower() for model in (Pause, Resume, Seek, Filter)}
    names = [str(part) for part in found["loc"] if str(part) not in kinds or found["loc"][-1] == part]
    name = names[0][:40] if names else ""
    if found["type"] == "extra_forbidden":
        return f"{name!r} is not a {thing}"
    if found["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "kind: expected 'pause', 'resume', 'seek' or 'filter'"
    message: str = found["msg"].removeprefix("Value error, ")
    return f"{name}: {message[:1].lower() + message[1:]}"
