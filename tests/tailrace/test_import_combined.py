"""Parsing access-log lines: all special cases of the sample, and a real file compared with awk."""

import os
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from dirty_equals import IsPartialDict

from contracts.errors import EventRejectedError
from contracts.events import read_event
from tailrace.importer.batches import batches
from tailrace.importer.files import open_lines
from tailrace.importer.logs.combined import parse_combined
from tailrace.importer.logs.requests import encode_request
from tailrace.importer.report import BadLine

ODDITIES = Path(__file__).parent / "data" / "oddities.log"
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "access.log"


def parse_file(path: Path) -> tuple[dict[int, dict[str, Any]], list[BadLine]]:
    events: dict[int, dict[str, Any]] = {}
    bad: list[BadLine] = []
    with open_lines(path) as source:
        for batch in batches(source, "combined", 500):
            events |= zip(batch.numbers, map(msgspec.json.decode, batch.events), strict=True)
            bad += batch.bad
    return events, bad


def parse_line(line: bytes) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(encode_request(parse_combined(line), uuid4))
    return event


def data(**members: Any) -> Any:
    return IsPartialDict(event_data=IsPartialDict(members))


def test_a_line_becomes_an_event() -> None:
    events, _ = parse_file(ODDITIES)
    assert events[1] == {
        "event_id": events[1]["event_id"],
        "event_type": "http_request",
        "user_id": "192.0.2.1",
        "created_at": "2015-05-17T10:05:03Z",
        "event_data": {
            "method": "GET",
            "path": "/plain",
            "protocol": "HTTP/1.1",
            "status": 200,
            "bytes": 1024,
            "referrer": "http://example.com/from",
            "agent": "Agent/1.0",
            "asset": False,
            "browser": None,
            "bot": None,
            "referrer_domain": "example.com",
        },
    }


def test_the_oddities_of_real_logs_are_read() -> None:
    events, _ = parse_file(ODDITIES)
    expected = {
        3: IsPartialDict(user_id="2001:db8::7", created_at="2015-05-17T12:00:00+02:00"),
        4: IsPartialDict(user_id="client.example.com", created_at="2015-05-17T10:00:00-07:30")
        & data(method="HEAD", status=304, bytes=0, agent=None, referrer=None),
        5: data(method="POST", path="/user"),
        6: data(path="/user-with-spaces"),
        7: data(path="/common", referrer=None, agent=None),
        8: data(path="/extra", agent="Agent/1.0"),
        9: data(path='/quote"d', referrer='http://example.com/?q="x"', agent='Say "hi" \\ bye'),
        10: data(path="/not closed", agent="Mozilla/5.0 (compatible"),
        11: data(referrer="http://example.com/cut", agent=None),
        12: data(agent="Agent\\"),
        13: data(method=None, path=None, protocol=None, status=408, bytes=0),
        14: data(method=None, path=None, status=400),
        15: data(method=None, path=None, request="\\x16\\x03\\x01\\x02\\x00\\x01"),
        16: data(agent="Caf\\xe9 \\xff"),
        17: data(path="/商品", agent="Browser/页"),
        18: data(method="GET", path="/http-0.9", protocol=None),
        19: data(status=None, bytes=0),
        20: data(method="PROPFIND", referrer=None, agent=None),
        22: data(path="/crlf", agent="Agent/1.0"),
    }
    assert {number: events[number] for number in expected} == expected


def test_unreadable_lines_have_a_reason_and_do_not_affect_others() -> None:
    events, bad = parse_file(ODDITIES)
    assert bad == [
        BadLine(24, "not_combined", "there is no time such as [17/May/2015:10:05:03 +0000]"),
        BadLine(25, "not_combined", "the time in brackets is not a valid time"),
        BadLine(26, "not_combined", "the time in brackets is not a valid time"),
        BadLine(27, "not_combined", "there is no time such as [17/May/2015:10:05:03 +0000]"),
        BadLine(28, "not_combined", "the quoted request after the time is missing or not closed"),
        BadLine(29, "not_combined", "status and size do not follow the request"),
        BadLine(30, "invalid_created_at", "created_at: 1995-05-17T10:00:00+00:00 is before 2000-01-01"),
        BadLine(31, "not_combined", "the time in brackets is not a valid time"),
    ]
    assert sorted(events) == [*range(1, 21), 22, 32]


def test_identical_lines_are_several_events_with_the_same_ids_each_time() -> None:
    events, _ = parse_file(ODDITIES)
    again, _ = parse_file(ODDITIES)
    ids = {number: event["event_id"] for number, event in events.items()}
    assert len(set(ids.values())) == len(ids)
    assert ids == {number: event["event_id"] for number, event in again.items()}
    assert {UUID(one).version for one in ids.values()} == {8}


@pytest.mark.parametrize(
    "agent", [b"\x00\x01\x02", b"\xed\xa0\x80", b"\\", b'\\"', bytes(range(0x80, 0x100)), b"\x85\xe2\x80\xa8\r"]
)
def test_any_bytes_in_an_agent_keep_the_request(agent: bytes) -> None:
    line = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "' + agent + b'"'
    payload = encode_request(parse_combined(line), uuid4)
    event = read_event(payload, now=datetime.now(UTC), new_id=uuid4, identify=len)
    assert b"\\u0000" not in bytes(event.event_data)
    assert b"\n" not in payload
    assert b"\r" not in payload


def test_zeros_left_by_a_crash_do_not_change_the_user() -> None:
    line = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1'
    assert parse_line(b"\0" * 4096 + line)["user_id"] == parse_line(line)["user_id"]


def test_a_path_over_the_limits_is_rejected_with_its_reason() -> None:
    line = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /%s HTTP/1.1" 200 1' % (b"x" * 40_000)
    with pytest.raises(EventRejectedError, match="32,768") as caught:
        encode_request(parse_combined(line), uuid4)
    assert caught.value.code == "event_data_too_large"


def real_log() -> Path:
    if not REAL.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("shared/data/access.log is missing next to the repository")
        pytest.skip("shared/data/access.log is not next to the repository")
    return REAL


def awk(program: str, path: Path) -> Counter[str]:
    lines = subprocess.run(["awk", program, str(path)], check=True, capture_output=True, text=True).stdout.splitlines()
    return Counter(lines)


def test_the_real_file_has_the_counts_of_awk() -> None:
    path = real_log()
    events, bad = parse_file(path)
    assert bad == []
    assert len(events) == 10_000
    assert len({event["event_id"] for event in events.values()}) == 10_000
    assert len({event["user_id"] for event in events.values()}) == len(awk("{print $1}", path)) == 1_753
    requests = [event["event_data"] for event in events.values()]
    # split at quotes for the status: paths may contain spaces
    by_status = awk('{split($0, part, /"/); split(part[3], after, / /); print after[2]}', path)
    assert Counter(str(request["status"]) for request in requests) == by_status
    by_day = awk("{print substr($4, 2, 11)}", path)
    days = [datetime.fromisoformat(event["created_at"]) for event in events.values()]
    assert Counter(f"{day:%d/}May/{day:%Y}" for day in days) == by_day
    assert {day.month for day in days} == {5}
