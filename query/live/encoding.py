"""Encodes log entries as items of frames, once for all clients."""

from collections.abc import Sequence

import msgspec

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.errors import EventRejectedError
from contracts.events import read_stored, upcast
from contracts.upcasting import Upcasters
from query.live.frames import Item, LoggedEvent
from query.parameters import cursor_text

_encoder = msgspec.json.Encoder()


def encode_entry(entry: LogEntry, epoch: str, upcasters: Upcasters) -> Item:
    """Encodes an entry; only an event of an older version is decoded and encoded, in the current shape of its type."""
    cursor, logged_at = entry.cursor(epoch), entry.logged_at
    seconds = entry.time_ns / 1e9
    try:
        stored = read_stored(entry.payload, logged_at=logged_at)
        event = upcast(stored, upcasters)
    except EventRejectedError as error:
        return Item(cursor, b"", f"the entry is not a valid event: {error.message}", logged_at=seconds)
    if event is stored:
        # splices the LoggedEvent from the stored JSON; a publisher other than the command side may add white space
        position = f'{{"cursor":"{cursor_text(cursor)}","logged_at":'.encode()
        encoded = b"%b%b,%b" % (position, _encoder.encode(logged_at), entry.payload.lstrip()[1:])
    else:
        encoded = _encoder.encode(LoggedEvent(cursor_text(cursor), logged_at, *msgspec.structs.astuple(event)))
    return Item(cursor, encoded, "", event.event_type, event.user_id, seconds, event.created_at.timestamp())


def encode_entries(entries: Sequence[LogEntry], gaps: Sequence[Gap], epoch: str, upcasters: Upcasters) -> list[Item]:
    """Encodes entries and the recorded gaps between them, in the order of the log."""
    items = [encode_entry(entry, epoch, upcasters) for entry in entries]
    if not gaps:
        return items
    for gap in gaps:
        lost = f"the log's entries {gap.first} to {gap.last} are gone, and recorded as lost"
        items.append(Item(Cursor(epoch, gap.last), b"", lost))
    return sorted(items, key=lambda item: item.cursor.seq)
