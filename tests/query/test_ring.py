"""The bounds of the ring, and its shared frames."""

import pytest

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.events import encode_event
from contracts.patterns import TypePattern
from contracts.upcasting import NO_UPCASTERS
from query.live.encoding import encode_entry
from query.live.frames import Frame, Item
from query.live.ring import Ring
from query.live.selection import EVERYTHING, Selection
from tests.support.events import event

START = Cursor("log", 10, "0123456789abcdef")


def items(first: int, last: int, size: int = 10) -> list[Item]:
    entries = [
        LogEntry(seq, 1_800_000_000 * 10**9, f"id-{seq}", encode_event(event(data=_data(size))))
        for seq in range(first, last + 1)
    ]
    return [encode_entry(entry, "log", NO_UPCASTERS) for entry in entries]


def _data(size: int) -> str:
    return f'{{"filler":"{"x" * size}"}}'


def behind(ring: Ring, position: Cursor, selection: Selection = EVERYTHING, limit: int = 256) -> Frame:
    frame = ring.frame_after(position, selection, limit)
    assert isinstance(frame, Frame)
    return frame


def test_the_ring_holds_the_latest_entries() -> None:
    ring = Ring(START, 100)
    ring.extend(items(11, 130))
    ring.extend(items(131, 150))
    assert (ring.first_seq, ring.end.seq) == (51, 150)
    assert not ring.continues(Cursor("log", 49))
    assert ring.continues(Cursor("log", 50))


def test_the_ring_holds_fewer_large_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.live.ring.MAX_BYTES", 100_000)
    ring = Ring(START, 100)
    ring.extend(items(11, 30, size=10_000))
    assert ring.first_seq == 22


def test_a_frame_has_at_most_256_events_and_the_maximum_of_characters() -> None:
    ring = Ring(START, 1_000)
    ring.extend(items(11, 500))
    assert behind(ring, START).position.seq == 10 + 256
    ring.extend(items(501, 600, size=30_000))
    frame = behind(ring, items(500, 500)[0].cursor)
    assert frame.position.seq == 508
    assert len(frame.data) < 300_000


def test_clients_at_one_place_share_the_text_until_more_entries_arrive() -> None:
    ring = Ring(START, 100)
    ring.extend(items(11, 12))
    frame = behind(ring, START)
    assert behind(ring, START) is frame
    ring.extend(items(13, 13))
    assert behind(ring, START).position.seq == 13


def test_the_ring_does_not_continue_another_history() -> None:
    ring = Ring(START, 100)
    ring.extend(items(11, 20))
    known = items(15, 15)[0].cursor
    assert ring.continues(START)
    assert ring.continues(known)
    for other in (START, known):
        assert not ring.continues(other._replace(epoch="another"))
        assert not ring.continues(other._replace(fingerprint="f" * 16))


def test_a_gap_is_an_item_that_clients_pass_in_one_step() -> None:
    ring = Ring(START, 100)
    ring.extend([Item(Cursor("log", 12), b"", "lost"), *items(13, 15)])
    ring.extend([Item(Cursor("log", 30), b"", "lost"), *items(31, 31)])
    at = START
    passed = []
    while at.seq < ring.end.seq:
        at = behind(ring, at).position
        passed.append(at.seq)
    assert passed == [12, 15, 30, 31]
    assert [seq for seq in range(10, 33) if ring.continues(Cursor("log", seq))] == [10, 12, 13, 14, 15, 30, 31, 32]


def test_gaps_leave_the_ring_as_entries_do() -> None:
    ring = Ring(START, 3)
    ring.extend([*items(11, 12), Item(Cursor("log", 20), b"", "lost"), *items(21, 22)])
    assert ring.first_seq == 13
    assert behind(ring, Cursor("log", 12)).position.seq == 20
    ring.extend(items(23, 23))
    assert ring.first_seq == 21
    assert not ring.continues(Cursor("log", 12))
    assert ring.continues(Cursor("log", 20))


def test_after_unselected_entries_a_client_receives_the_position() -> None:
    ring = Ring(START, 5_000)
    ring.extend(items(11, 3_010))
    nobody = Selection(user_id=5)
    position = ring.frame_after(START, nobody)
    assert position == items(2_010, 2_010)[0].cursor  # other clients get a turn before the rest is read
    assert ring.frame_after(position, nobody) == ring.end
    selection = Selection((TypePattern.parse("page_view"), TypePattern.parse("x.*")), user_id=1)
    assert behind(ring, START, selection, 7).position.seq == 17


def test_an_entry_that_is_not_an_event_is_a_gap_for_every_client() -> None:
    ring = Ring(START, 100)
    ring.extend([*items(11, 12), Item(Cursor("log", 13), b"", "lost"), *items(14, 15)])
    frame = behind(ring, START, Selection(user_id=5))
    assert (frame.position.seq, b"lost" in frame.data) == (13, True)


def test_shared_frames_are_bounded_while_no_entry_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.live.ring.MAX_SHARED_BYTES", 200_000)
    monkeypatch.setattr("query.live.ring.MAX_SHARED", 40)
    ring = Ring(START, 5_000)
    ring.extend(items(11, 2_010))
    places = [START, *(item.cursor for item in items(11, 2_000))]
    for limit in (1, 5, 256):
        frames = [behind(ring, place, limit=limit) for place in places]
        assert 0 < ring.shared_bytes <= 200_000
        assert behind(ring, places[-1], limit=limit) is frames[-1]
        assert behind(ring, places[0], limit=limit) == frames[0]
    for place in places[:100]:
        ring.frame_after(place, Selection(user_id=5))
    assert ring.shared_bytes == 0  # these have no text, and are as many as the ring shares
    behind(ring, START)
    ring.extend(items(2_011, 2_011))
    assert ring.shared_bytes == 0


def test_frequently_requested_frames_stay_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.live.ring.MAX_SHARED", 3)
    ring = Ring(START, 5_000)
    ring.extend(items(11, 40))
    popular = behind(ring, START)
    for item in items(11, 39):
        behind(ring, item.cursor)
        assert behind(ring, START) is popular


def test_a_frame_larger_than_the_bound_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.live.ring.MAX_SHARED_BYTES", 1_000)
    ring = Ring(START, 100)
    ring.extend(items(11, 12, size=10_000))
    assert behind(ring, START) == behind(ring, START)
    assert ring.shared_bytes == 0
