"""Upcasters: every version reads as the current one, failures give a reason, and missing versions are refused."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import Raw

from contracts.errors import ConfigurationError, EventRejectedError
from contracts.events import MAX_DEPTH, MAX_EVENT_DATA, Event, encode_event, read_entry, read_event, upcast
from contracts.upcasting import NO_UPCASTERS, Upcaster, Upcasters

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID("0199cd9c-5a10-7c3e-9d2b-6a1f0c2b1177")
ORDER = "order_completed"


def payload(data: str, version: int | None = None, event_type: str = ORDER) -> bytes:
    return encode_event(event(event_type, Raw(data.encode()), version or 1))


def event(event_type: str, data: Raw, version: int) -> Event:
    return Event(event_id=ID, event_type=event_type, user_id=1, created_at=NOW, event_data=data, event_version=version)


def read(raw: bytes, upcasters: Upcasters) -> Event:
    return read_entry(raw, logged_at=NOW, upcasters=upcasters)


def data_of(event: Event) -> Any:
    return json.loads(bytes(event.event_data), parse_float=Decimal)


def refusal(raw: bytes, upcasters: Upcasters) -> EventRejectedError:
    with pytest.raises(EventRejectedError) as caught:
        read(raw, upcasters)
    return caught.value


def leave(data: dict[str, Any]) -> dict[str, Any]:
    return data


def one_step(function: Any) -> Upcasters:
    return Upcasters({(ORDER, 1): function})


STEPS: list[Upcaster] = [
    leave,
    lambda data: {**data, "added": 1},
    lambda data: {"inner": data},
    lambda data: {f"{key}_": value for key, value in data.items()},
    lambda data: {key: value for key, value in data.items() if not isinstance(value, list)},
    lambda data: {"keys": list(data), "size": len(data)},
]
CHAINS = st.lists(st.sampled_from(STEPS), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc_", max_size=3), VALUES, max_size=4)


@hypothesis_settings(deadline=None)
@given(CHAINS, OBJECTS, st.data())
def test_a_chain_composes_its_functions_from_the_events_version_on(
    chain: list[Upcaster], sent: dict[str, Any], data: st.DataObject
) -> None:
    version = data.draw(st.integers(1, len(chain) + 1))
    found = read(payload(json.dumps(sent), version), Upcasters({(ORDER, n): f for n, f in enumerate(chain, start=1)}))
    expected = sent
    for function in chain[version - 1 :]:
        expected = function(dict(expected))
    assert data_of(found) == expected
    assert found == event(ORDER, found.event_data, len(chain) + 1)


@hypothesis_settings(deadline=None)
@given(CHAINS, OBJECTS, st.sampled_from(["", " ", "\n\t"]))
def test_an_event_of_the_current_version_is_unchanged(chain: list[Upcaster], sent: dict[str, Any], space: str) -> None:
    upcasters = Upcasters({(ORDER, n): f for n, f in enumerate(chain, start=1)})
    text = json.dumps(sent, separators=(f",{space}", f":{space}"))
    event = read(payload(text, len(chain) + 1), upcasters)
    assert bytes(event.event_data) == text.encode()
    assert upcast(event, upcasters) is event


@hypothesis_settings(deadline=None)
@given(CHAINS, OBJECTS)
def test_an_upcast_event_reads_the_same_again(chain: list[Upcaster], sent: dict[str, Any]) -> None:
    upcasters = Upcasters({(ORDER, n): f for n, f in enumerate(chain, start=1)})
    event = read(payload(json.dumps(sent)), upcasters)
    assert read(encode_event(event), upcasters) == event


@hypothesis_settings(deadline=None)
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_an_untouched_number_keeps_its_exact_value(number: str) -> None:
    event = read(payload(f'{{"n":{number},"in":[{number}]}}'), one_step(leave))
    text = bytes(event.event_data).decode()
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert found == {"n": Decimal(number), "in": [Decimal(number)]}


def test_a_type_without_upcasters_has_only_version_1() -> None:
    upcasters = one_step(leave)
    assert (upcasters.current_version(ORDER), upcasters.current_version("other")) == (2, 1)
    assert read(payload("{}", event_type="other"), upcasters).event_version == 1
    error = refusal(payload("{}", 2, event_type="other"), upcasters)
    assert (error.code, error.message) == (
        "unknown_version",
        "event_version: 2 of other is newer than 1, the newest known here",
    )
    assert refusal(payload("{}", 3), upcasters).code == "unknown_version"


def raising(error: Exception) -> Upcaster:
    def upcaster(data: dict[str, Any]) -> dict[str, Any]:
        raise error

    return upcaster


def deep(data: dict[str, Any]) -> dict[str, Any]:
    for _ in range(MAX_DEPTH):
        data = {"in": data}
    return data


def circular(data: dict[str, Any]) -> dict[str, Any]:
    data["self"] = data
    return data


@pytest.mark.parametrize(
    ("upcaster", "reason"),
    [
        (lambda data: {"cents": data["total"]}, "KeyError: 'total'"),
        (raising(ValueError("no total,\nnor\0 \ud800 anything")), "ValueError: no total, nor\0 \\ud800 anything"),
        (raising(ValueError()), "ValueError"),
        (raising(ValueError("x" * 5_000)), "ValueError: " + "x" * 200),
        (lambda data: None, "TypeError: the upcaster returned NoneType, not dict"),
        (lambda data: [data], "TypeError: the upcaster returned list, not dict"),
        (lambda data: {"a": {1, 2}}, "TypeError: the upcaster returned a set, which JSON does not have"),
        (lambda data: {"a": NOW}, "TypeError: the upcaster returned a datetime, which JSON does not have"),
        (lambda data: {"a": float("nan")}, "not JSON compliant"),
        (lambda data: {"a": Decimal("Infinity")}, "returned a Decimal, which JSON does not have"),
        (lambda data: {("a", 1): 1}, "TypeError"),
        (lambda data: {"a": "\ud800"}, "UnicodeEncodeError"),
        (circular, "Circular reference"),
        (lambda data: {"a": "\0"}, "the character \\u0000 can't be stored"),
        (lambda data: {"a": "x" * MAX_EVENT_DATA}, "at most 32,768 are allowed"),
        (lambda data: {"a": Decimal("1e400")}, "number out of range"),
        (deep, "nested deeper than 64 levels"),
    ],
)
def test_a_failing_upcaster_is_named_with_the_reason(upcaster: Upcaster, reason: str) -> None:
    error = refusal(payload("{}"), one_step(upcaster))
    assert error.code == "upcast_failed"
    assert error.message.startswith("event_data: version 1 of order_completed can't be made version 2: ")
    assert reason in error.message
    assert "\n" not in error.message
    assert len(error.message) < 400
    error.message.encode()  # what can't be encoded can't be kept in a row either


def test_the_failing_step_is_named() -> None:
    upcasters = Upcasters({(ORDER, 1): leave, (ORDER, 2): raising(ValueError("oh")), (ORDER, 3): leave})
    assert (
        "version 2 of order_completed can't be made version 3: ValueError: oh"
        in refusal(payload("{}"), upcasters).message
    )
    assert read(payload("{}", 3), upcasters).event_version == 4


def test_ingest_keeps_an_older_version_that_the_upcasters_can_read() -> None:
    upcasters = one_step(lambda data: {"cents": int(data["total"] * 100)})

    def let_in(raw: bytes) -> Event:
        return read_event(raw, now=NOW, new_id=uuid4, upcasters=upcasters)

    sent = payload('{"total":12.50}')
    assert encode_event(let_in(sent)) == sent
    for bad, code in ((payload("{}"), "upcast_failed"), (payload("{}", 3), "unknown_version")):
        with pytest.raises(EventRejectedError) as caught:
            let_in(bad)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("functions", "reason"),
    [
        (
            {(ORDER, 1): leave, (ORDER, 3): leave},
            "the upcasters of order_completed are for versions 1, 3: the one for version 2 is missing",
        ),
        ({(ORDER, 2): leave}, "the one for version 1 is missing"),
        ({(ORDER, 0): leave, (ORDER, 1): leave}, "expected (event type, version it reads, from 1): function"),
        ({ORDER: [leave]}, "expected (event type, version it reads, from 1): function"),
        ({(ORDER, "1"): leave}, "expected (event type, version it reads, from 1): function"),
        ({(ORDER, 1): "leave"}, "is not an upcaster"),
    ],
)
def test_a_chain_with_a_missing_version_or_a_wrong_item_is_refused(functions: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Upcasters(functions)
    assert reason in str(caught.value)


def test_upcasters_do_not_change_with_their_source() -> None:
    functions: dict[tuple[str, int], Upcaster] = {(ORDER, 1): leave}
    upcasters = Upcasters(functions)
    functions[ORDER, 2] = leave
    assert upcasters.current_version(ORDER) == 2
    assert NO_UPCASTERS.current_version(ORDER) == 1
