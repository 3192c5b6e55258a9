"""A dimension's value has one text, and a measure's number one form, however the sender wrote it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.patterns import TypePattern
from tailrace.declared import Count, Rollup, decode_event_data, matcher, reader
from tailrace.declared.values import as_number, as_text, find_by


@pytest.mark.parametrize(
    ("json", "text"),
    [
        ('"DE"', "DE"),
        ('""', ""),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ("{}", None),
        ("[1]", None),
        ("1", "1"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.10", "0.1"),
        ("12E-3", "0.012"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e308", "1" + "0" * 255),
        ('"' + "ä" * 200 + '"', "ä" * 128),
        ('"a' + "ä" * 200 + '"', "a" + "ä" * 127),
    ],
)
def test_the_text_of_a_value(json: str, text: str | None) -> None:
    assert as_text(decode_event_data(f'{{"x":{json}}}')["x"]) == text


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda one: abs(one.adjusted()) < 300)


@given(numbers, st.integers(0, 20))
def test_equal_numbers_have_the_same_text_and_form(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    other = Decimal((sign, digits + (0,) * zeros, exponent - zeros))
    one, same = (decode_event_data(f'{{"x":{written}}}')["x"] for written in (number, other))
    assert as_text(one) == as_text(same)
    assert repr(as_number(one)) == repr(as_number(same))
    text = as_text(one)
    assert text is not None
    if len(text) < 256:
        assert Decimal(text) == number
        assert "E" not in text


@given(st.text())
def test_text_is_cut_to_a_prefix_of_at_most_256_bytes(text: str) -> None:
    found = as_text(text)
    assert found is not None
    assert text.startswith(found)
    assert len(found.encode()) <= 256
    assert found == text or len(found.encode()) > 252


@pytest.mark.parametrize("value", [True, "12", None, [], {}])
def test_other_values_are_not_numbers(value: Any) -> None:
    assert as_number(value) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("event_type", "order"),
        ("user_id", 7),
        ("event_data.a", {"b": [1, {"c": 2}]}),
        ("event_data.a.b.0", 1),
        ("event_data.a.b.1.c", 2),
        ("event_data.a.b.2", None),
        ("event_data.a.b.-1", None),
        ("event_data.a.b.²", None),
        ("event_data.x.y", None),
        ("event_data.a.b.0.z", None),
    ],
)
def test_a_path_names_a_field_or_a_property(path: str, found: Any) -> None:
    assert find_by(path)("order", 7, {"a": {"b": [1, {"c": 2}]}}) == found


tokens = st.sampled_from(["a", "b", "*", ">", "", "a b"])
types = st.lists(tokens, min_size=1, max_size=4).map(".".join).filter(bool)


@given(st.lists(types, min_size=1, max_size=3), types)
def test_patterns_match_as_everywhere_else(patterns: list[str], event_type: str) -> None:
    wanted = any(TypePattern.parse(pattern).matches(event_type) for pattern in patterns)
    assert matcher(patterns)(event_type) is wanted


class Two(Rollup):
    version = 1
    events = ["*"]
    by = {"country": "event_data.country", "type": "event_type"}
    n = Count()


def test_dimensions_are_read_in_their_order() -> None:
    assert reader(Two.definition())("order", 7, {"country": 1}) == (("1", "order"), (None,))
