"""The frames of ``/ws`` and ``/sse``: each struct encodes a kind of frame, and documents it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from contracts.cursors import Cursor
from contracts.events import CreatedAt, EventType, EventVersion, UserId, UserText
from query.live.bounds import LogEnds
from query.live.requests import MAX_EVENTS, MAX_SPEED, MIN_SPEED, Clock, StreamRequest
from query.parameters import USER, cursor_text, shown_user
from runtime.websocket_protocol import encode_text

MAX_BYTES = 256 * 1024
"""Bytes of the events in one frame, unless a single event is larger: many clients limit a message to 1 MiB."""

_CURSOR = "^[A-Za-z0-9_-]{1,64}:[0-9]{1,19}:([0-9a-f]{8}|[0-9a-f]{16}|)$"
Position = Annotated[str, Meta(pattern=_CURSOR)]
"""A cursor as text."""
ResumeFrom = Annotated[
    str, Meta(pattern=_CURSOR, description="The client's position after this frame: reconnect with it.")
]
LoggedAt = Annotated[
    datetime, Meta(tz=True, description="When the log stored it: RFC 3339 in UTC, to the microsecond.")
]


Digits = Annotated[str, Meta(pattern="^-?[0-9]{16,19}$")]


class LoggedEvent(Struct, frozen=True, omit_defaults=True):
    """An entry of the log, in the current shape of its event type."""

    cursor: Annotated[str, Meta(pattern=_CURSOR, description="Its position in the log.")]
    logged_at: LoggedAt
    event_id: Annotated[UUID, Meta(description="From the sender. Deduplicate by it: a sender may repeat an event.")]
    event_type: EventType
    user_id: Annotated[UserId | Digits | None, Meta(description=USER)]
    created_at: CreatedAt
    event_data: Annotated[dict[str, Any], Meta(description="Any JSON object, as its sender wrote it.")]
    event_version: EventVersion = 1


class HelloFrame(Struct, frozen=True, tag_field="kind", tag="hello"):
    """The first frame of every stream."""

    epoch: Annotated[str, Meta(description="Identifies the log: all its cursors start with it.")]
    first: Annotated[Position | None, Meta(description="The first entry of the log; null if the log is empty.")]
    last: Annotated[Position | None, Meta(description="The last entry of the log; null if the log is empty.")]
    cursor: Annotated[str, Meta(pattern=_CURSOR, description="Where this stream starts: later entries follow.")]


class EventsFrame(Struct, frozen=True, tag_field="kind", tag="events"):
    """Entries of the log, in its order. Stored and live entries look the same."""

    cursor: ResumeFrom
    events: Annotated[
        list[LoggedEvent],
        Meta(min_length=1, max_length=MAX_EVENTS, description="All entries that are due, at most `batch`."),
    ]


class CaughtUpFrame(Struct, frozen=True, tag_field="kind", tag="caught_up"):
    """Every entry that the log had at the start, or at the last `seek`, was sent; live entries follow.

    A paced stream sends it when it reaches the end of the log, and continues without a pace.
    """

    cursor: ResumeFrom


class ProgressFrame(Struct, frozen=True, tag_field="kind", tag="progress"):
    """The connection is alive, but no other frame was due for some seconds.

    The position may have moved past entries that were not requested.
    """

    cursor: ResumeFrom


class GapFrame(Struct, frozen=True, tag_field="kind", tag="gap"):
    """Entries between two positions are missing from the stream. The entries after `resumed_at` follow."""

    asked: Annotated[str, Meta(pattern=_CURSOR, description="The client's position before the gap.")]
    resumed_at: ResumeFrom
    reason: Annotated[str, Meta(description="A sentence: entries are lost, are not events, or the log is another one.")]


class EndFrame(Struct, frozen=True, tag_field="kind", tag="end"):
    """Everything up to `until` was sent. The last frame, before close code 1000."""

    cursor: ResumeFrom


class StateFrame(Struct, frozen=True, tag_field="kind", tag="state"):
    """The answer to each message of the client. It applies to every later frame."""

    cursor: ResumeFrom
    paused: Annotated[bool, Meta(description="Whether no entries follow until `resume` or `seek`.")]
    until: Annotated[str | None, Meta(description="Where the stream ends, as requested; null: nowhere.")]
    event_type: Annotated[list[str], Meta(description="The event types of the stream, as requested; []: all.")]
    user_id: Annotated[UserId | UserText | None, Meta(description="The user of the stream, as requested; null: all.")]
    speed: Annotated[
        Annotated[float, Meta(ge=MIN_SPEED, le=MAX_SPEED)] | Literal["max"],
        Meta(description="`max`, or a factor of the original pace."),
    ]
    clock: Annotated[Clock, Meta(description="The timestamps that set the pace: of the log, or of the events.")]
    batch: Annotated[int, Meta(ge=1, le=MAX_EVENTS, description="Maximum number of events in a frame.")]


AnyFrame = HelloFrame | EventsFrame | CaughtUpFrame | ProgressFrame | GapFrame | EndFrame | StateFrame


class Item(NamedTuple):
    """An entry as frames show it: ``json``, or the ``refusal`` that replaces it with a gap.

    ``cursor`` is the entry's, or that of the last entry of a gap. ``time_ns`` is the log time (ns since 1970); a gap
    has none. Only an event has the other fields.
    """

    cursor: Cursor
    json: bytes
    refusal: str
    time_ns: int = 0
    event_type: str = ""
    user_id: int | None = None
    created_at: datetime | None = None


@dataclass(slots=True)
class Frame:
    """One encoded message to a client, and the client's position after it."""

    data: bytes
    position: Cursor
    _websocket: bytes = field(default=b"", compare=False, repr=False)

    @property
    def websocket(self) -> bytes:
        """The message as a WebSocket frame, encoded once for all clients."""
        self._websocket = self._websocket or encode_text(self.data)
        return self._websocket


_encoder = msgspec.json.Encoder()


def _encoded(frame: AnyFrame, position: Cursor) -> Frame:
    return Frame(_encoder.encode(frame), position)


def entries_frame(items: Iterable[Item], after: Cursor, limit: int = MAX_EVENTS) -> Frame:
    """Encodes as many of one or more items (at most ``limit``) as fit in one frame for a client at ``after``.

    An item that is a gap gets a frame of its own.
    """
    events: list[bytes] = []
    size = 0
    last = after
    for item in items:
        if item.refusal:
            if events:
                break
            return gap_frame(after, item.cursor, item.refusal)
        size += len(item.json)
        if events and size > MAX_BYTES:
            break
        events.append(item.json)
        last = item.cursor
        if len(events) == limit:
            break
    # every item is a LoggedEvent that is encoded already
    encoded = cast("list[LoggedEvent]", Raw(b"[%b]" % b",".join(events)))
    return _encoded(EventsFrame(cursor_text(last), encoded), last)


def hello_frame(ends: LogEnds, position: Cursor) -> Frame:
    """Encodes the first frame of a stream that starts after ``position``."""
    first, last = (cursor_text(cursor) if cursor else None for cursor in (ends.first, ends.last))
    return _encoded(HelloFrame(ends.epoch, first, last, cursor_text(position)), position)


def position_frame(kind: type[CaughtUpFrame | ProgressFrame | EndFrame], position: Cursor) -> Frame:
    """Encodes a frame that has only the client's position."""
    return _encoded(kind(cursor_text(position)), position)


def gap_frame(asked: Cursor, resumed_at: Cursor, reason: str) -> Frame:
    """Encodes a ``GapFrame``."""
    return _encoded(GapFrame(cursor_text(asked), cursor_text(resumed_at), reason), resumed_at)


def state_frame(position: Cursor, request: StreamRequest, *, paused: bool) -> Frame:
    """Encodes the state of a stream."""
    state = StateFrame(
        cursor_text(position),
        paused,
        request.until,
        request.event_type,
        shown_user(request.user_id),
        "max" if request.speed is None else request.speed,
        request.clock,
        request.batch,
    )
    return _encoded(state, position)


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
_START, _LAST, _PASSED = "3f9c1a7be204:1040:c4479be1502a6d38", _NEXT["cursor"], "3f9c1a7be204:1057:5d41402abc4b2a76"
_FOREIGN = "81d0e6f7a2b3:5000:0c3f5a7e9d1b2846"

EXAMPLES: dict[type[Struct], list[dict[str, Any]]] = {
    LoggedEvent: [_ENTRY, _NEXT],
    HelloFrame: [
        {
            "kind": "hello",
            "epoch": "3f9c1a7be204",
            "first": "3f9c1a7be204:1:7d0e3f5a91c2b846",
            "last": _LAST,
            "cursor": _START,
        },
        {"kind": "hello", "epoch": "3f9c1a7be204", "first": None, "last": None, "cursor": "3f9c1a7be204:0:"},
    ],
    EventsFrame: [{"kind": "events", "cursor": _LAST, "events": [_ENTRY, _NEXT]}],
    CaughtUpFrame: [{"kind": "caught_up", "cursor": _LAST}],
    ProgressFrame: [{"kind": "progress", "cursor": _PASSED}],
    GapFrame: [
        {
            "kind": "gap",
            "asked": _PASSED,
            "resumed_at": "3f9c1a7be204:1060:00000000",
            "reason": "the log's entries 1058 to 1060 are gone, and recorded as lost",
        },
        {
            "kind": "gap",
            "asked": _FOREIGN,
            "resumed_at": "3f9c1a7be204:0:",
            "reason": f"the log's epoch is 3f9c1a7be204, but the position {_FOREIGN} is of another log",
        },
    ],
    EndFrame: [{"kind": "end", "cursor": _LAST}],
    StateFrame: [
        {
            "kind": "state",
            "cursor": _LAST,
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
            "cursor": _START,
            "paused": False,
            "until": "2026-03-01T13:00:00Z",
            "event_type": [],
            "user_id": None,
            "speed": 10.0,
            "clock": "event",
            "batch": 256,
        },
    ],
}
"""Examples of each struct, for the documents."""
