"""Decodes log entries in one loop; ``read_entry`` judges every entry that is not plainly valid.

The rare checks run once over the joined ``event_data`` of the entries. A hit only means that the entries are checked
one by one: the result always agrees with ``read_entry``.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts.entries import LogEntry
from contracts.events import EARLIEST, LOG_FUTURE_TOLERANCE, MAX_DEPTH, MAX_EVENT_DATA, MAX_NUMBER, Event
from contracts.upcasting import Upcasters

_event = msgspec.json.Decoder(Event)
_objects = msgspec.json.Decoder(list[dict[str, Any]])
_NUMBERS = bytes(
    ord("0") if chr(byte) in "0123456789." else ord("-") if chr(byte) in "+-" else ord("e") if chr(byte) in "eE" else 32
    for byte in range(256)
)
"""Translates digits and dots to 0, signs to - and exponent letters to e, so that plain searches find odd numbers."""
_LONG_NUMBER = b"0" * MAX_NUMBER
_LARGE_EXPONENT = re.compile(b"0e-?000")


def decode_plain(entries: Sequence[LogEntry], upcasters: Upcasters) -> list[Event | None]:
    """Returns each entry's event if it is plainly valid and of the current version.

    None: only ``read_entry`` can judge the entry. Needs at least one entry.
    """
    oldest = min(entry.time_ns for entry in entries)
    latest = datetime.fromtimestamp(oldest // 1_000_000_000, UTC) + LOG_FUTURE_TOLERANCE
    versions: dict[str, int] = {}
    events: list[Event | None] = []
    datas: list[msgspec.Raw] = []
    for entry in entries:
        try:
            event = _event.decode(entry.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            events.append(None)
            continue
        event_type = event.event_type
        version = versions.get(event_type)
        if version is None:
            # no event has version 0: unprintable types go to read_entry
            version = versions[event_type] = upcasters.current_version(event_type) if event_type.isprintable() else 0
        if version != event.event_version or not EARLIEST <= event.created_at <= latest:
            events.append(None)
            continue
        events.append(event)
        datas.append(event.event_data)
    if not _are_plain(datas):
        return [event if event and _are_plain([event.event_data]) else None for event in events]
    return events


def _are_plain(datas: list[msgspec.Raw]) -> bool:
    """Whether each of the JSON values is an object without anything that needs a closer look."""
    if not datas:
        return True
    if max(map(len, datas)) > MAX_EVENT_DATA:
        return False
    joined = b",".join(datas)
    try:
        _objects.decode(b"[%b]" % joined)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    nested = joined.count(b"{") + joined.count(b"[") - len(datas)
    if nested >= MAX_DEPTH and any(_may_be_too_deep(bytes(data)) for data in datas if len(data) > 2 * MAX_DEPTH):
        return False
    if b"\\u0000" in joined:
        return False
    numbers = joined.translate(_NUMBERS)
    if _LONG_NUMBER in numbers:
        return False
    if b"0e000" not in numbers and b"0e-000" not in numbers:
        return True
    return not any(_is_number(joined, hit.start() + 1) for hit in _LARGE_EXPONENT.finditer(numbers))


def _may_be_too_deep(data: bytes) -> bool:
    return data.count(b"{") + data.count(b"[") > MAX_DEPTH


def _is_number(joined: bytes, end: int) -> bool:
    """Whether the digits before ``end`` may belong to a JSON number. In most events they are part of an identifier."""
    before = joined[max(end - MAX_NUMBER - 2, 0) : end].rstrip(b"0123456789.").removesuffix(b"-")
    return before.endswith((b":", b",", b"[", b" ", b"\t", b"\r", b"\n"))
