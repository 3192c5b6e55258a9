"""Patterns match the same event types here and in the log's server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.patterns import BadPatternError, TypePattern, matching, subject_filters
from contracts.subjects import subject_of

TOKENS = st.sampled_from(["", "a", "b", "checkout", "ä", "*", ">", "%", "a b"])
TYPES = st.lists(TOKENS, min_size=1, max_size=4).map(".".join).filter(bool)


@pytest.mark.parametrize(
    ("pattern", "event_type", "meant"),
    [
        ("checkout.*", "checkout.paid", True),
        ("checkout.*", "checkout", False),
        ("checkout.*", "checkout.paid.twice", False),
        ("checkout.>", "checkout.paid.twice", True),
        ("checkout.>", "checkout", False),
        ("*.paid", "checkout.paid", True),
        ("*", "page_view", True),
        ("*", "checkout.paid", False),
        (">", "checkout.paid", True),
        ("page_view", "page_view", True),
        ("page_view", "page_views", False),
        (">.a", ">.a", True),
        (">.a", "b.a", False),
        ("a*", "a*", True),
        ("a*", "ab", False),
    ],
)
def test_a_pattern_matches_token_by_token(pattern: str, event_type: str, meant: bool) -> None:
    assert TypePattern.parse(pattern).matches(event_type) is meant


def test_a_type_that_any_pattern_matches_is_selected() -> None:
    patterns = [TypePattern.parse("checkout.*"), TypePattern.parse("click")]
    assert matching(patterns, ["click", "checkout.paid", "page_view"]) == ["click", "checkout.paid"]


@given(TYPES, TYPES)
def test_a_pattern_and_its_subject_filter_match_the_same_types(pattern: str, event_type: str) -> None:
    parsed = TypePattern.parse(pattern)
    assert parsed.matches(event_type) is _as_the_server_matches(parsed.subject, subject_of(event_type))


def _as_the_server_matches(subject_filter: str, subject: str) -> bool:
    """Matches by NATS' rules: ``*`` is one token, ``>`` at the end one or more."""
    wanted, tokens = subject_filter.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, rest = wanted[:-1], len(tokens) >= len(wanted)
        tokens = tokens[: len(wanted)]
    else:
        rest = len(tokens) == len(wanted)
    return rest and all(want in ("*", token) for want, token in zip(wanted, tokens, strict=True))


@pytest.mark.parametrize("text", ["", "a\nb", "a" * 300])
def test_a_pattern_that_no_event_type_can_match_is_refused(text: str) -> None:
    with pytest.raises(BadPatternError):
        TypePattern.parse(text)


PATTERNS = st.lists(st.lists(st.sampled_from(["a", "b", "*", ">"]), min_size=1, max_size=3).map(".".join), max_size=4)


@given(PATTERNS, TYPES)
def test_the_filters_of_a_consumer_match_each_selected_subject_once(texts: list[str], event_type: str) -> None:
    patterns = [TypePattern.parse(text) for text in texts]
    if filters := subject_filters(patterns):
        hits = [one for one in filters if _as_the_server_matches(one, subject_of(event_type))]
        assert len(hits) == (1 if any(pattern.matches(event_type) for pattern in patterns) else 0)


@pytest.mark.parametrize(
    ("texts", "filters"),
    [
        (["checkout.paid", "checkout.*", "click"], ["analytics.events.checkout.*", "analytics.events.click"]),
        (["a.>", "a.*.c", "a.b"], ["analytics.events.a.>"]),
        (["a.*", "*.b"], []),
        (["a.>", "*.b"], []),
        ([">", "a"], ["analytics.events.>"]),
        ([str(number) for number in range(40)], []),
    ],
)
def test_overlapping_filters_are_joined_or_dropped(texts: list[str], filters: list[str]) -> None:
    assert subject_filters([TypePattern.parse(text) for text in texts]) == filters
