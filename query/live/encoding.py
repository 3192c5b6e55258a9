"""Encodes log entries as items of frames, once for all clients."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from contracts.cursors import Cursor, full_fingerprint
from contracts.decoding import decode_plain
from contracts.entries import Gap, LogEntry
from contracts.errors import EventRejectedError
from contracts.events import NO_DATA, Event, read_stored, upcast
from contracts.upcasting import Upcasters
from query.live.frames import Item, LoggedEvent
from query.parameters import EXACT, cursor_text, shown_user

_encoder = msgspec.json.Encoder()


def encode_entries(entries: Sequence[LogEntry], gaps: Sequence[Gap], epoch: str, upcasters: Upcasters) -> list[Item]:
    """Encodes entries and the recorded gaps between them, in the order of the log."""
    if not entries and not gaps:
        return []
    events = decode_plain(entries, upcasters) if entries else []
    items = [
        _item(entry, epoch, event) if event else encode_entry(entry, epoch, upcasters)
        for entry, event in zip(entries, events, strict=True)
    ]
    if not gaps:
        return items
    for gap in gaps:
        lost = f"the log's entries {gap.first} to {gap.last} are gone, and recorded as lost"
        items.append(Item(Cursor(epoch, gap.last), b"", lost))
    return sorted(items, key=lambda item: item.cursor.seq)


def encode_entry(entry: LogEntry, epoch: str, upcasters: Upcasters) -> Item:
    """Encodes an entry that may be no valid event, or of an older version."""
    cursor = entry.cursor(epoch)
    try:
        stored = read_stored(entry.payload, logged_at=entry.logged_at)
        event = upcast(stored, upcasters)
    except EventRejectedError as error:
        return Item(cursor, b"", f"the entry is not a valid event: {error.message}", entry.time_ns)
    return _item(entry, epoch, event) if event is stored else _encode(entry, epoch, event)


def _item(entry: LogEntry, epoch: str, event: Event) -> Item:
    """Encodes a current event."""
    user = event.user_id
    # the stored JSON has every member as clients get it
    if user is not None and -EXACT <= user <= EXACT and event.event_data is not NO_DATA:
        return _splice(entry, epoch, event)
    return _encode(entry, epoch, event)


def _encode(entry: LogEntry, epoch: str, event: Event) -> Item:
    cursor = entry.cursor(epoch)
    event_id, event_type, user_id, created_at, *rest = msgspec.structs.astuple(event)
    logged = LoggedEvent(
        cursor_text(cursor), entry.logged_at, event_id, event_type, shown_user(user_id), created_at, *rest
    )
    return Item(cursor, _encoder.encode(logged), "", entry.time_ns, event_type, user_id, created_at)


def _splice(entry: LogEntry, epoch: str, event: Event) -> Item:
    """Encodes the ``LoggedEvent`` of a current event: cursor and log time in front of the stored JSON."""
    seq, time_ns, message_id, payload, _ = entry
    fingerprint = full_fingerprint(message_id, time_ns)
    seconds, microseconds = divmod(time_ns // 1000, 1_000_000)
    fraction = f".{str(1_000_000 + microseconds)[1:]}" if microseconds else ""
    head = f'{{"cursor":"{epoch}:{seq}:{fingerprint}","logged_at":"{_whole_second(seconds)}{fraction}Z",'
    # a publisher other than the command side may put white space before the brace
    rest = payload[1:] if payload[0] == _BRACE else payload.lstrip()[1:]
    cursor = _new(Cursor, (epoch, seq, fingerprint))
    item = cursor, head.encode() + rest, "", time_ns, event.event_type, event.user_id, event.created_at
    return _new(Item, item)


_new = tuple.__new__  # half the cost of Item(...)
_BRACE = ord("{")


@lru_cache(1024)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
