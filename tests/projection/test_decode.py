"""The batch decoder gives the answers and the reasons of ``read_entry``, whatever the entries hold."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from contracts import decoding
from contracts.entries import LogEntry
from contracts.errors import EventRejectedError
from contracts.events import MAX_EVENT_DATA, read_entry
from contracts.upcasting import Upcasters
from projection.decode import decode

MISSING = "(missing)"
LOGGED = datetime(2026, 3, 1, tzinfo=UTC)
UPCASTERS = Upcasters({("order", 1): lambda data: {**data, "total": data["total"] * 2}})

Answer = tuple[list[tuple[Any, ...]], list[tuple[int, UUID | None, str, str]]]


def read_one_by_one(entries: Sequence[LogEntry]) -> Answer:
    rows: list[tuple[Any, ...]] = []
    parked: list[tuple[int, UUID | None, str, str]] = []
    for entry in entries:
        event_id = entry.event_id
        try:
            event = read_entry(entry.payload, logged_at=entry.logged_at, upcasters=UPCASTERS)
        except EventRejectedError as error:
            parked.append((entry.seq, event_id, error.code, error.message.replace("\0", "\\0")))
        else:
            data = bytes(event.event_data).decode()
            rows.append((event.event_id, event.event_type, event.user_id, event.created_at, data, entry.seq))
    return rows, parked


def decode_batch(entries: Sequence[LogEntry]) -> Answer:
    batch = decode(entries, UPCASTERS)
    return list(batch.rows), [(one.entry.seq, one.event_id, one.code, one.reason) for one in batch.parked]


def entry(seq: int, payload: bytes, age: timedelta = timedelta()) -> LogEntry:
    return LogEntry(seq, int((LOGGED - age).timestamp() * 1e9), "", payload)


def payload(data: str, **fields: object) -> bytes:
    """An entry whose ``event_data`` is written as it is."""
    event = {
        "event_id": str(UUID(int=1)),
        "event_type": "click",
        "user_id": 7,
        "created_at": "2026-02-28T12:00:00Z",
        **fields,
    }
    shown = {name: value for name, value in event.items() if value != MISSING}
    text = json.dumps(shown)[:-1] + ("}" if data is MISSING else f', "event_data": {data}}}')
    return text.encode("utf-8", "surrogatepass")


NUMBERS = st.sampled_from(
    ["1", "1e308", "1e309", "-1E+0308", "1e-400", "0e999", "1.5e-309", "9" * 300, "9" * 301, "0." + "3" * 299]
)
TEXTS = st.sampled_from(
    [
        '"a"',
        '"\\u0000"',
        '"\\\\u0000"',
        '"\\\\\\u0000"',
        '"3e123"',
        '"a3e123"',
        '"[-3e1234"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\udc80"',
        '"' + "1" * 310 + '"',
    ]
)
VALUES = st.one_of(NUMBERS, TEXTS, st.integers(0, 80).map(lambda depth: "[" * depth + "]" * depth or "null"))
DATA = st.one_of(
    st.sampled_from([MISSING, "{}", " {}", "[]", "null", '"{}"', "{", '{"a":1,}', "{} ", '{"a":{"b":[1,{"c":2}]}}']),
    VALUES.map(lambda value: f'{{"a":{value}}}'),
    VALUES.map(lambda value: f'{{"a":1,"a":{value},"b":[{value}]}}'),
    st.sampled_from(['{"total":3}', '{"total":"x"}', f'{{"a":"{"x" * (MAX_EVENT_DATA - 8)}"}}']),
    st.just(f'{{"a":"{"x" * (MAX_EVENT_DATA - 7)}"}}'),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.integers(0, 3).map(lambda number: str(UUID(int=number))) | st.sampled_from(["", 7, None]),
        "event_type": st.sampled_from(["click", "order", "a\u200bb", "\n", "", "x" * 128, "x" * 129, "é"]),
        "user_id": st.sampled_from([0, -1, 2**63 - 1, 2**63, "7", 1.0, 1.5, None, MISSING, True]),
        "created_at": st.sampled_from(
            [
                "2026-03-02T23:59:59Z",
                "2026-03-03T00:00:00Z",
                "2026-03-03T00:00:01Z",
                "2026-03-03T05:29:00+05:30",
                "1999-12-31T23:59:59Z",
                "2000-01-01T00:00:00Z",
                "2026-03-01T00:00:00",
                "9999-12-31T23:59:59-23:59",
                "x",
            ]
        ),
        "event_version": st.sampled_from([0, 1, 2, 3, "1"]),
        "more": st.just(1),
    },
)
PAYLOADS = st.one_of(
    st.builds(lambda data, fields: payload(data, **fields), DATA, FIELDS),
    st.binary(max_size=20),
    st.sampled_from(
        [b"", b"{}", b"[1]", b"[" * 5_000, b"\xff", b'{"event_id":"00000000-0000-0000-0000-000000000001"}']
    ),
)


@given(st.lists(st.tuples(PAYLOADS, st.sampled_from([timedelta(), timedelta(seconds=1)])), min_size=1, max_size=8))
@example([(payload("{}"), timedelta())] * 3)
@example([(payload('{"a":[' + "[" * 62 + "]" * 62 + "]}", event_id=str(UUID(int=n))), timedelta()) for n in range(70)])
def test_a_batch_has_the_rows_and_reasons_of_its_entries_read_one_by_one(
    written: list[tuple[bytes, timedelta]],
) -> None:
    entries = [entry(seq, text, age) for seq, (text, age) in enumerate(written, start=1)]
    assert decode_batch(entries) == read_one_by_one(entries)


def test_a_plain_batch_is_decoded_and_checked_once_as_a_whole(monkeypatch: Any) -> None:
    data = '{"path":"/a","nested":{"list":[1,-2.5e10]},"order":"4e1234","trace":"ab-12e345-6"}'
    entries = [entry(n, payload(data, event_id=str(UUID(int=n)))) for n in range(99)]
    check = Mock(wraps=decoding._are_plain)
    monkeypatch.setattr(decoding, "_are_plain", check)
    monkeypatch.delattr("projection.decode.read_entry")
    assert len(decode(entries, UPCASTERS).rows) == 99
    check.assert_called_once()
