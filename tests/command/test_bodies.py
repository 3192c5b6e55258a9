"""Splitting bodies: malformed events do not affect the others, and no body blocks the event loop."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.appender import Message
from command.bodies import MAX_EVENTS, SLICE_TOKENS, BadBodyError, split_body
from command.event_types import EventTypes
from command.ingest import Ingest
from command.metrics import CommandMetrics
from contracts.entries import Appended
from contracts.upcasting import NO_UPCASTERS

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
CURL = "application/x-www-form-urlencoded"


async def test_one_event_is_accepted_with_any_suitable_content_type() -> None:
    for content_type in ("application/json; charset=utf-8", "application/vnd.event+json", CURL, "text/plain", ""):
        assert await split_body(b' {"a": 1}\n', content_type) == [b'{"a": 1}']


async def test_an_array_is_split_with_or_without_its_content_type() -> None:
    for content_type in ("application/json", CURL, ""):
        assert await split_body(b'[{"a":[1,2]}, {"b":"]"}]', content_type) == [b'{"a":[1,2]}', b'{"b":"]"}']


async def test_lines_are_split_with_or_without_their_content_type() -> None:
    for content_type in ("application/x-ndjson", "application/jsonl", CURL, ""):
        assert await split_body(b'{"a":1}\r\n\n{"b":2}\n', content_type) == [b'{"a":1}', b'{"b":2}']


async def test_a_malformed_line_is_an_event_of_its_own() -> None:
    assert await split_body(b'{"a":1}\n{"a"\n{"b":2}', "application/x-ndjson") == [b'{"a":1}', b'{"a"', b'{"b":2}']


async def test_an_object_over_several_lines_is_one_event() -> None:
    body = json.dumps({"a": {"b": 1}}, indent=2).encode()
    assert await split_body(body, CURL) == [body]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"a":"\\ud800"}',
        b'{"a":tru}',
        b'{"a":"\xff"}',
        b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"a":1e999}',
    ],
    ids=["lone surrogate", "bad literal", "bad UTF-8", "deep nesting", "huge number"],
)
async def test_a_malformed_element_does_not_affect_the_others(bad: bytes) -> None:
    assert await split_body(b'[{"a":1},%b,{"b":2}]' % bad, "application/json") == [b'{"a":1}', bad, b'{"b":2}']


@given(st.lists(JSON_VALUES, min_size=1))
async def test_the_fallback_splits_an_array_like_a_json_parser(values: "list[object]") -> None:
    bad = b'"\\ud800"'  # msgspec can't decode it
    body = b"[" + b" , ".join([*(json.dumps(value).encode() for value in values), bad]) + b"]"
    parts = await split_body(body, "application/json")
    assert [json.loads(part) for part in parts[:-1]] == values
    assert parts[-1] == bad


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"", "", 400, "empty"),
        (b" \n ", "application/x-ndjson", 400, "empty"),
        (b"[]", "application/json", 400, "array is empty"),
        (b"[{}", "application/json", 400, "not a JSON array"),
        (b"[{}]]", "application/json", 400, "not a JSON array"),
        (b'[{"a":1},]', "application/json", 400, "not a JSON array"),
        (b'[{"a]', "application/json", 400, "not a JSON array"),
        (b"[{]}", "application/json", 400, "not a JSON array"),
        (b"hello", "text/plain", 400, "not JSON"),
        (b'{"a":', "application/json", 400, "not JSON"),
        (b"--x", "multipart/form-data; boundary=x", 415, "is not supported"),
        (b"1\n" * (MAX_EVENTS + 1), "application/x-ndjson", 413, "10,001 lines, and the limit is 10,000"),
        (b"[" + b"1," * MAX_EVENTS + b"1]", "application/json", 413, "10,001 events, and the limit is 10,000"),
        (b"[" + b"1," * 2_000_000 + b"1]", "application/json", 413, "more than 10,000 events"),
        (b"[" + b"1," * 2_000_000 + b"]]", "application/json", 413, "more than 10,000 events"),
        (b"[" * 2_000_000, "application/json", 400, "not a JSON array"),
        (b"1" + b"\n" * 4_000_000 + b"1", "application/x-ndjson", 413, "lines"),
    ],
)
async def test_a_body_without_events_is_refused_with_a_reason(
    body: bytes, content_type: str, status: int, reason: str
) -> None:
    with pytest.raises(BadBodyError, match=reason) as caught:
        await split_body(body, content_type)
    assert caught.value.status == status


async def turns_during(work: Awaitable[object]) -> int:
    """Counts the turns that the event loop takes while ``work`` runs."""
    turns, running = 0, asyncio.ensure_future(work)
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b'["\\ud800",[' + b'"",' * 700_000 + b'""]]',
        b"[" + b"[1,2]," * 5_000 + b"[" + b"{}," * 600_000,
    ],
    ids=["nested", "one malformed element", "many elements"],
)
async def test_a_body_is_scanned_in_slices(body: bytes) -> None:
    async def split() -> None:
        with suppress(BadBodyError):
            await split_body(body, "application/json")

    assert await turns_during(split()) >= 1_000_000 // SLICE_TOKENS


class NoLog:
    async def publish(self, messages: Sequence[Message]) -> list[Appended]:
        return [Appended(1, False)] * len(messages)


DEEP = b'{"event_type":"x","user_id":1,"event_data":{"a":[%b[]]}}' % (b"[]," * 10_000)


@pytest.mark.parametrize(("raw", "count"), [(b"{}", 10_000), (DEEP, 120)], ids=["refused", "nested"])
async def test_events_are_validated_in_slices(raw: bytes, count: int) -> None:
    ingest = Ingest(NoLog(), EventTypes(10), NO_UPCASTERS, CommandMetrics(), {}, max_pending=1)  # type: ignore[arg-type]
    turns = await turns_during(ingest.append_all([raw] * count))
    assert turns >= 20
