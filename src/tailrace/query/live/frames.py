"""Frames as text. An entry is encoded once, whoever reads it: its event is spliced from the log's own bytes.

Only an event of an older version is written anew, in its type's current shape.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.entries import LogEntry
from tailrace.contracts.errors import EventRejectedError
from tailrace.contracts.events import encode_event, read_stored, upcast
from tailrace.contracts.upcasting import Upcasters
from tailrace.query.live.places import LogEnds, wire

MAX_EVENTS = 256
"""Events of one frame."""
MAX_CHARS = 256 * 1024
"""Characters of one frame's events, unless a single one is larger: many clients refuse a message of 1 MiB."""


class Item(NamedTuple):
    """An entry of the log, ready to be sent: ``event`` as JSON, or why it can't be shown as one."""

    cursor: Cursor
    event: str
    refusal: str


class Frame(NamedTuple):
    """One message to a client, and where the client is when it has it."""

    text: str
    position: Cursor


def encode_entry(entry: LogEntry, epoch: str, upcasters: Upcasters) -> Item:
    """An entry as it appears in frames, whoever gets them."""
    cursor = entry.cursor(epoch)
    try:
        stored = read_stored(entry.payload, logged_at=entry.logged_at)
        event = upcast(stored, upcasters)
    except EventRejectedError as error:
        return Item(cursor, "", f"the entry can't be read as an event: {error.message}")
    payload = entry.payload if event is stored else encode_event(event)
    body = payload.decode().lstrip()  # by the command side it begins with its brace, by another hand it may not
    return Item(cursor, f'{{"cursor":"{wire(cursor)}",{body[1:]}', "")


def entries_frame(items: Iterable[Item], behind: Cursor) -> Frame:
    """As many of the items (at least one) as make one frame for a client that is at ``behind``."""
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
        if len(events) == MAX_EVENTS:
            break
    return _events_frame(events, last)


def _events_frame(events: list[str], last: Cursor) -> Frame:
    return Frame(f'{{"kind":"events","cursor":"{wire(last)}","events":[{",".join(events)}]}}', last)


def hello_text(ends: LogEnds) -> str:
    """The first frame of every stream."""
    first, last = (wire(cursor) if cursor else None for cursor in (ends.first, ends.last))
    return _text(kind="hello", epoch=ends.epoch, first=first, last=last)


def caught_up_text(position: Cursor) -> str:
    """Everything that was there when the client connected has been sent."""
    return _text(kind="caught_up", cursor=wire(position))


def progress_text(position: Cursor) -> str:
    """Nothing new; the stream is alive."""
    return _text(kind="progress", cursor=wire(position))


def gap_frame(asked: Cursor, resumed_at: Cursor, reason: str) -> Frame:
    """Between these two positions the client does not get what it should."""
    text = _text(kind="gap", asked=wire(asked), resumed_at=wire(resumed_at), reason=reason)
    return Frame(text, resumed_at)


def _text(**members: Any) -> str:
    return msgspec.json.encode(members).decode()
