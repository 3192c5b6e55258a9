"""Frames as text. An entry is encoded once, whoever reads it: its event is spliced from the log's own bytes.

Only an event of an older version is written anew, in its type's current shape.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import encode_event, read_stored, upcast
from contracts.upcasting import Upcasters
from query.live.places import LogEnds
from query.parameters import cursor_text

MAX_EVENTS = 256
"""Events of one frame."""
MAX_CHARS = 256 * 1024
"""Characters of one frame's events, unless a single one is larger: many clients refuse a message of 1 MiB."""

_encoder = msgspec.json.Encoder()


class Item(NamedTuple):
    """An entry of the log, ready to be sent: ``event`` as JSON, or why it can't be shown as one.

    ``logged_at`` and ``created_at`` are in seconds since 1970; what is no event has the former alone, a gap neither.
    """

    cursor: Cursor
    event: str
    refusal: str
    event_type: str = ""
    user_id: int = 0
    logged_at: float = 0.0
    created_at: float = 0.0


class Frame(NamedTuple):
    """One message to a client, and where the client is when it has it."""

    text: str
    position: Cursor


def encode_entry(entry: LogEntry, epoch: str, upcasters: Upcasters) -> Item:
    """An entry as it appears in frames, whoever gets them."""
    cursor, logged_at = entry.cursor(epoch), entry.logged_at
    moment = entry.time_ns / 1e9
    try:
        stored = read_stored(entry.payload, logged_at=logged_at)
        event = upcast(stored, upcasters)
    except EventRejectedError as error:
        return Item(cursor, "", f"the entry can't be read as an event: {error.message}", logged_at=moment)
    payload = entry.payload if event is stored else encode_event(event)
    body = payload.decode().lstrip()  # by the command side it begins with its brace, by another hand it may not
    text = f'{{"cursor":"{cursor_text(cursor)}","logged_at":{_encoder.encode(logged_at).decode()},{body[1:]}'
    return Item(cursor, text, "", event.event_type, event.user_id, moment, event.created_at.timestamp())


def entries_frame(items: Iterable[Item], behind: Cursor, limit: int = MAX_EVENTS) -> Frame:
    """As many of the items (one to ``limit``) as make one frame for a client that is at ``behind``."""
    events: list[str] = []
    chars = 0
    last = behind
    for item in items:
        if item.refusal:
            return gap_frame(behind, item.cursor, item.refusal) if not events else _events_frame(events, last)
        chars += len(item.event)
        if events and chars > MAX_CHARS:
            break
        events.append(item.event)
        last = item.cursor
        if len(events) == limit:
            break
    return _events_frame(events, last)


def _events_frame(events: list[str], last: Cursor) -> Frame:
    return Frame(f'{{"kind":"events","cursor":"{cursor_text(last)}","events":[{",".join(events)}]}}', last)


def hello_frame(ends: LogEnds, position: Cursor) -> Frame:
    """The first frame of every stream, which begins behind ``position``."""
    first, last = (cursor_text(cursor) if cursor else None for cursor in (ends.first, ends.last))
    return Frame(_text(kind="hello", epoch=ends.epoch, first=first, last=last, cursor=cursor_text(position)), position)


def caught_up_frame(position: Cursor) -> Frame:
    """Everything that was there when the client connected has been sent."""
    return Frame(_text(kind="caught_up", cursor=cursor_text(position)), position)


def progress_frame(position: Cursor) -> Frame:
    """Nothing new for this client; the stream is alive."""
    return Frame(_text(kind="progress", cursor=cursor_text(position)), position)


def end_frame(position: Cursor) -> Frame:
    """Everything up to the end that the client asked for has been sent."""
    return Frame(_text(kind="end", cursor=cursor_text(position)), position)


def state_frame(position: Cursor, **state: Any) -> Frame:
    """What the client said holds from here on."""
    return Frame(_text(kind="state", cursor=cursor_text(position), **state), position)


def gap_frame(asked: Cursor, resumed_at: Cursor, reason: str) -> Frame:
    """Between these two positions the client does not get what it should."""
    text = _text(kind="gap", asked=cursor_text(asked), resumed_at=cursor_text(resumed_at), reason=reason)
    return Frame(text, resumed_at)


def _text(**members: Any) -> str:
    return _encoder.encode(members).decode()
