"""The schemas of /ws in AsyncAPI match what the service accepts, and OpenAPI's text agrees with them."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from contracts.cursors import Cursor
from contracts.errors import BadCursorError
from contracts.events import Event, read_stored
from query.live import sending
from query.live.asyncapi import asyncapi_document
from query.live.requests import BadStreamRequestError, read_message, read_request
from query.live.routes import SSE, WS
from tests.support.api_documents import Document, examples, messages, references, resolve, strict_validator

FRAMES = {"hello", "events", "caught_up", "progress", "gap", "end", "state"}
SAID = {"pause", "resume", "seek", "filter"}
CLOSE_CODES = {1000, 1008, 1013, 3001, 3008, 3501}

DOCUMENT = asyncapi_document()
CHANNEL = DOCUMENT["channels"]["ws"]
SENT, TAKEN = messages(DOCUMENT, "frames"), messages(DOCUMENT, "messages")
PARAMETERS = CHANNEL["bindings"]["ws"]["query"]


def schema_of(message: Document) -> Document:
    schema: Document = resolve(DOCUMENT, message["payload"])
    return schema


LOGGED = resolve(DOCUMENT, schema_of(SENT["events"])["properties"]["events"]["items"])


def test_there_is_one_channel_with_every_frame_and_every_message() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert list(DOCUMENT["channels"]) == ["ws"]
    assert (CHANNEL["address"], CHANNEL["bindings"]["ws"]["method"]) == ("/ws", "GET")
    assert {name: one["action"] for name, one in DOCUMENT["operations"].items()} == {
        "frames": "send",
        "messages": "receive",
    }
    assert (set(SENT), set(TAKEN), set(CHANNEL["messages"])) == (FRAMES, SAID, FRAMES | SAID)
    [answer] = DOCUMENT["operations"]["messages"]["reply"]["messages"]
    assert resolve(DOCUMENT, answer)["name"] == "state"


def test_every_reference_resolves() -> None:
    assert references(DOCUMENT)
    for reference in references(DOCUMENT):
        assert resolve(DOCUMENT, reference)


def test_every_frame_and_message_is_described_and_has_examples_that_its_schema_allows() -> None:
    for kind, message in (SENT | TAKEN).items():
        assert examples(message), kind
        for example in examples(message):
            assert example["kind"] == kind
            strict_validator(DOCUMENT, message["payload"]).validate(example)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        undescribed = [member for member, one in schema["properties"].items() if "description" not in one]
        assert schema["description"], name
        assert set(undescribed) <= {"kind"}, name


def test_the_examples_of_frames_have_valid_cursors_and_events() -> None:
    for frame in (example for message in SENT.values() for example in examples(message)):
        for member in {"cursor", "asked", "resumed_at", "first", "last"} & set(frame):
            assert frame[member] is None or str(Cursor.parse(frame[member])) == frame[member]
    for shown in LOGGED["examples"]:
        entry = {name: value for name, value in shown.items() if name not in ("cursor", "logged_at")}
        logged_at = datetime.fromisoformat(shown["logged_at"])
        assert read_stored(json.dumps(entry).encode(), logged_at=logged_at).created_at <= logged_at


def test_an_event_has_the_members_and_bounds_of_the_logs_events() -> None:
    def bounds(schema: Document) -> Document:
        highest = {"maximum": schema["exclusiveMaximum"] - 1} if "exclusiveMaximum" in schema else {}
        kept = {"minimum", "maximum", "minLength", "maxLength", "format", "default"}
        return {name: schema[name] for name in kept & set(schema)} | highest

    logged = msgspec.json.schema(Event)["$defs"]["Event"]
    assert list(LOGGED["properties"]) == ["cursor", "logged_at", *logged["properties"]]
    # clients get a null and an empty object where the log has nothing
    assert {*LOGGED["required"]} == {"cursor", "logged_at", *logged["required"], "user_id", "event_data"}
    for name, member in logged["properties"].items():
        if name == "user_id":
            integers = [one for one in LOGGED["properties"][name]["anyOf"] if one["type"] == "integer"]
            assert [*map(bounds, integers)] == [bounds(member["anyOf"][0])]
        else:
            assert bounds(LOGGED["properties"][name]) == bounds(member), name


@pytest.mark.parametrize("text", ["e:0:", "e:1:01234567", "e:1:0123456789abcdef", "", "e:1", "e:1:0", "e:x:", "a b:0:"])
def test_the_pattern_of_cursors_matches_what_the_service_accepts(text: str) -> None:
    pattern = schema_of(SENT["end"])["properties"]["cursor"]["pattern"]
    assert bool(re.search(pattern, text)) == accepts(lambda: Cursor.parse(text))


@pytest.mark.parametrize(
    "asked",
    [
        {"form": "latest"},
        *({"batch": batch} for batch in (0, 1, 256, 257)),
        *({"speed": speed} for speed in (0.05, 0.1, 100_000, 100_001, "max", "fast")),
        *({"user_id": user_id} for user_id in (-(2**63), 2**63 - 1, "alice", "x" * 200, "x" * 201, "")),
        *({"clock": clock} for clock in ("log", "event", "wall")),
        *({"event_type": ["a"] * count} for count in (0, 100, 101)),
    ],
    ids=lambda asked: str(asked)[:40],
)
def test_the_schema_of_the_parameters_matches_what_the_service_accepts(asked: dict[str, Any]) -> None:
    given = [
        (name, str(one)) for name, value in asked.items() for one in (value if isinstance(value, list) else [value])
    ]
    assert strict_validator(DOCUMENT, PARAMETERS).is_valid(asked) == accepts(lambda: read_request(given))


@pytest.mark.parametrize(
    "said",
    [
        *({"kind": kind} for kind in ("pause", "resume", "seek", "filter", "stop")),
        {"kind": "pause", "for": 5},
        {"kind": "filter", "user": 5},
        {"kind": "filter", "event_type": "click"},
        *(
            {"kind": "filter", "user_id": user_id}
            for user_id in (None, 2**63 - 1, 2**63, 1.5, True, "alice", "x" * 201)
        ),
        *({"kind": "seek", "from": "latest", "speed": speed} for speed in ("max", 0.1, 0.05, None, True)),
        *({"kind": "seek", "from": "latest", "until": until} for until in (None, "-1m", 5)),
        {"kind": "seek", "from": "latest", "clock": None},
    ],
    ids=str,
)
def test_the_schemas_of_messages_match_what_the_service_accepts(said: dict[str, Any]) -> None:
    allowed = any(strict_validator(DOCUMENT, message["payload"]).is_valid(said) for message in TAKEN.values())
    assert allowed == accepts(lambda: read_message(json.dumps(said)))


def accepts(read: Callable[[], object]) -> bool:
    try:
        read()
    except (BadStreamRequestError, BadCursorError):
        return False
    return True


def test_the_documented_close_codes_are_those_in_use() -> None:
    def codes_in(text: str) -> set[int]:
        return {int(code) for code in re.findall(r"^- `(\d{4})` ", text, re.MULTILINE)}

    sent = {value for name, value in vars(sending).items() if name.isupper() and isinstance(value, int)}
    sent.add(1008)  # sent below the application; see test_live_limits
    assert sent == codes_in(CHANNEL["description"]) == codes_in(WS) == CLOSE_CODES


def test_openapis_text_shows_each_frame_and_message_with_its_members() -> None:
    members = {kind: set(schema_of(message)["properties"]) for kind, message in (SENT | TAKEN).items()}
    members["events"] |= set(LOGGED["required"])
    assert shown_in(WS) == members
    assert shown_in(SSE) == {kind: members[kind] for kind in FRAMES - {"state"}}


def shown_in(text: str) -> dict[str, set[str]]:
    """Returns the members of each frame and message in the text's code blocks."""
    blocks = "".join(re.findall(r"```\n(.*?)```", text, re.DOTALL))
    found = re.findall(r'\{"kind":"(\w+)"(.*?)(?=\{"kind"|$)', blocks, re.DOTALL)
    return {kind: {"kind", *re.findall(r'"(\w+)":', rest)} for kind, rest in found}
