"""The frames as models, for documents and tests: streams write them as text, in ``live/frames.py``."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.events import MAX_EVENT_TYPE
from query.live.frames import MAX_EVENTS
from query.live.requests import Clock, Factor
from query.parameters import INT64

Place = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}:[0-9]{1,19}:([0-9a-f]{8}|[0-9a-f]{16}|)$")]
"""A cursor."""
GoOnFrom = Annotated[Place, Field(description="Where a client is that has this frame: connect again with it.")]

_ENTRY: dict[str, Any] = {
    "cursor": "3f9c1a7be204:1041:9be17165c0a2d6f4",
    "logged_at": "2025-10-10T10:00:00.041728Z",
    "event_id": "0199cd9c-5a10-7c3e-9d2b-6a1f0c2b1177",
    "event_type": "page_view",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:00Z",
    "event_data": {"path": "/home"},
}
_NEXT: dict[str, Any] = {
    "cursor": "3f9c1a7be204:1042:1f0a9c3388d75e02",
    "logged_at": "2025-10-10T10:00:05.213004Z",
    "event_id": "0199cd9c-6e42-7f18-8c05-93d47a6be210",
    "event_type": "order_completed",
    "user_id": 123,
    "created_at": "2025-10-10T10:00:05.168Z",
    "event_data": {"amount": {"cents": 1250, "currency": "EUR"}},
    "event_version": 3,
}


def _with_examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


def examples_of(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The examples of one of these models."""
    extra: Any = model.model_config["json_schema_extra"]
    found: list[dict[str, Any]] = extra["examples"]
    return found


class LoggedEvent(BaseModel):
    """An entry of the log, in the current shape of its event type."""

    model_config = _with_examples(_ENTRY, _NEXT)

    cursor: Place = Field(description="Where the log has it.")
    logged_at: AwareDatetime = Field(description="When the log took it: RFC 3339 in UTC, to the microsecond.")
    event_id: UUID = Field(description="Given by its sender. Count by this: a sender may have sent an event twice.")
    event_type: str = Field(
        min_length=1, max_length=MAX_EVENT_TYPE, description="Printable characters; dots separate tokens."
    )
    user_id: int = Field(
        ge=-INT64, lt=INT64, description="A signed 64-bit integer: read it as one, a double keeps only 53 bits."
    )
    created_at: AwareDatetime = Field(description="When it happened, as its sender says: RFC 3339 with a zone.")
    event_data: dict[str, Any] = Field(description="What else is known: any JSON object, as its sender wrote it.")
    event_version: int = Field(
        1, ge=1, lt=2**31, description="Which of its type's shapes `event_data` has; left out where that is 1."
    )


class HelloFrame(BaseModel):
    """The first frame of every stream."""

    model_config = _with_examples(
        {
            "kind": "hello",
            "epoch": "3f9c1a7be204",
            "first": "3f9c1a7be204:1:7d0e3f5a91c2b846",
            "last": _NEXT["cursor"],
            "cursor": "3f9c1a7be204:1040:c4479be1502a6d38",
        },
        {"kind": "hello", "epoch": "3f9c1a7be204", "first": None, "last": None, "cursor": "3f9c1a7be204:0:"},
    )

    kind: Literal["hello"]
    epoch: str = Field(description="Which log this is: every cursor of it begins so.")
    first: Place | None = Field(description="The log's first entry; null while the log is empty.")
    last: Place | None = Field(description="The log's last entry; null while the log is empty.")
    cursor: Place = Field(description="Where this stream begins: what follows this position comes.")


class EventsFrame(BaseModel):
    """Entries of the log, in its order. History and what comes live look the same."""

    model_config = _with_examples({"kind": "events", "cursor": _NEXT["cursor"], "events": [_ENTRY, _NEXT]})

    kind: Literal["events"]
    cursor: GoOnFrom
    events: list[LoggedEvent] = Field(
        min_length=1, max_length=MAX_EVENTS, description="Whatever is due, up to the `batch` that was asked for."
    )


class CaughtUpFrame(BaseModel):
    """Here history ends: what the log had at the beginning, or at the last `seek`, has been sent; what follows is live.

    A paced stream says it where it meets the log's end, and goes on without a pace.
    """

    model_config = _with_examples({"kind": "caught_up", "cursor": _NEXT["cursor"]})

    kind: Literal["caught_up"]
    cursor: GoOnFrom


class ProgressFrame(BaseModel):
    """Nothing for this client for some seconds, and the connection is alive: its silence would say that it is dead.

    The position may have moved past what was not asked for.
    """

    model_config = _with_examples({"kind": "progress", "cursor": "3f9c1a7be204:1057:5d41402abc4b2a76"})

    kind: Literal["progress"]
    cursor: GoOnFrom


class GapFrame(BaseModel):
    """Between two positions the client does not get what it should. What follows `resumed_at` comes next."""

    model_config = _with_examples(
        {
            "kind": "gap",
            "asked": "3f9c1a7be204:1057:5d41402abc4b2a76",
            "resumed_at": "3f9c1a7be204:1060:00000000",
            "reason": "the log's entries 1058 to 1060 are gone, and recorded as lost",
        },
        {
            "kind": "gap",
            "asked": "81d0e6f7a2b3:5000:0c3f5a7e9d1b2846",
            "resumed_at": "3f9c1a7be204:0:",
            "reason": "the log's epoch is 3f9c1a7be204, but the position 81d0e6f7a2b3:5000:0c3f5a7e9d1b2846 is of "
            "another log",
        },
    )

    kind: Literal["gap"]
    asked: Place = Field(description="Where the client was.")
    resumed_at: Place = Field(description="Where it is now: connect again with it.")
    reason: str = Field(description="A sentence for people: what is gone, is no event, or is another log.")


class EndFrame(BaseModel):
    """`until` is reached: everything up to it has been sent. The last frame, before close code 1000."""

    model_config = _with_examples({"kind": "end", "cursor": _NEXT["cursor"]})

    kind: Literal["end"]
    cursor: GoOnFrom


class StateFrame(BaseModel):
    """The answer to each message of the client. Every frame behind it is as it says."""

    model_config = _with_examples(
        {
            "kind": "state",
            "cursor": _NEXT["cursor"],
            "paused": False,
            "until": None,
            "event_type": ["checkout.*"],
            "user_id": 5,
            "speed": "max",
            "clock": "log",
            "batch": 256,
        },
        {
            "kind": "state",
            "cursor": "3f9c1a7be204:1040:c4479be1502a6d38",
            "paused": False,
            "until": "2026-03-01T13:00:00Z",
            "event_type": [],
            "user_id": None,
            "speed": 10.0,
            "clock": "event",
            "batch": 256,
        },
    )

    kind: Literal["state"]
    cursor: GoOnFrom
    paused: bool = Field(description="Whether nothing comes until `resume` or `seek`.")
    until: str | None = Field(description="Where the stream ends, as it was asked; null: nowhere.")
    event_type: list[str] = Field(description="The event types that come, as they were asked; none: all.")
    user_id: int | None = Field(ge=-INT64, lt=INT64, description="The user whose events come; null: everybody's.")
    speed: Literal["max"] | Factor = Field(description="`max`, or the factor of the original pace.")
    clock: Clock = Field(description="Whose times make the pace: the log's, or the events' own.")
    batch: int = Field(ge=1, le=MAX_EVENTS, description="At most so many events come in a frame.")


FRAMES = (HelloFrame, EventsFrame, CaughtUpFrame, ProgressFrame, GapFrame, EndFrame, StateFrame)
"""Every kind that there is."""
