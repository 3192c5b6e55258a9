"""A spliced entry equals the entry that the structs encode."""

import json
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.cursors import Cursor
from contracts.entries import Gap, LogEntry
from contracts.events import encode_event, read_stored
from contracts.upcasting import NO_UPCASTERS
from query.live.encoding import encode_entries, encode_entry
from query.live.frames import LoggedEvent
from tests.support.events import event

TIMES = st.integers(1_780_000_000 * 10**9, 1_900_000_000 * 10**9) | st.integers(1_780_000_000, 1_900_000_000).map(
    lambda second: second * 10**9
)


@given(
    TIMES,
    st.text(max_size=40),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20),
    st.integers(1),
)
def test_a_spliced_event_equals_its_encoded_struct(time_ns: int, message_id: str, path: str, seq: int) -> None:
    payload = encode_event(event(data=json.dumps({"path": path})))
    entry = LogEntry(seq, time_ns, message_id, payload)
    [item] = encode_entries([entry], [], "log", NO_UPCASTERS)
    stored = read_stored(payload, logged_at=datetime.fromtimestamp(time_ns // 1000 / 1e6, UTC))
    logged = LoggedEvent(str(entry.cursor("log")), entry.logged_at, *msgspec.structs.astuple(stored))
    assert item.json == msgspec.json.encode(logged)
    assert item.cursor == entry.cursor("log")
    assert item == encode_entry(entry, "log", NO_UPCASTERS)


def test_entries_that_are_not_plain_events_are_encoded_one_by_one_in_order() -> None:
    payloads = [encode_event(event()), b"garbage", b" \n" + encode_event(event("click")), b'{"event_id":1}']
    entries = [LogEntry(seq, 1_800_000_000 * 10**9, f"id-{seq}", text) for seq, text in enumerate(payloads, 1)]
    items = encode_entries(entries[:2] + entries[3:], [Gap(3, 3)], "log", NO_UPCASTERS)
    assert [(item.cursor.seq, bool(item.refusal)) for item in items] == [(1, False), (2, True), (3, True), (4, True)]
    [spaced] = encode_entries([entries[2]], [], "log", NO_UPCASTERS)
    assert json.loads(spaced.json)["event_type"] == "click"


def test_gaps_without_entries_are_items_too() -> None:
    assert [item.cursor for item in encode_entries([], [Gap(2, 5)], "log", NO_UPCASTERS)] == [Cursor("log", 5)]
