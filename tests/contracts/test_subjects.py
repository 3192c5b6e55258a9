"""Every event type has its own valid NATS subject."""

import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.events import MAX_EVENT_TYPE
from contracts.subjects import EVENTS_PREFIX, LOG_STREAM, event_type_of, subject_of
from runtime.log.client import LogClient
from tests.support.events import append

PRINTABLE = st.text(st.characters().filter(str.isprintable), min_size=1, max_size=MAX_EVENT_TYPE)
AWKWARD = st.text(st.sampled_from(list(".*>% a/é页😀$\\_-")), min_size=1, max_size=MAX_EVENT_TYPE)
EVENT_TYPES = PRINTABLE | AWKWARD


@given(EVENT_TYPES)
def test_a_subject_decodes_to_its_event_type(event_type: str) -> None:
    assert event_type_of(subject_of(event_type)) == event_type


@given(EVENT_TYPES)
def test_a_subject_has_only_nonempty_tokens_of_plain_characters(event_type: str) -> None:
    subject = subject_of(event_type)
    assert subject.startswith(EVENTS_PREFIX)
    for token in subject.split("."):
        assert re.fullmatch(r"[!-~]+", token)
        assert not set(token) & set("*>")


@given(EVENT_TYPES, EVENT_TYPES)
def test_event_types_do_not_share_subjects(one: str, other: str) -> None:
    assert (subject_of(one) == subject_of(other)) == (one == other)


@pytest.mark.parametrize(
    ("event_type", "subject"),
    [
        ("page_view", "analytics.events.page_view"),
        ("checkout.completed", "analytics.events.checkout.completed"),
        ("Order Completed", "analytics.events.Order%20Completed"),
        ("页面", "analytics.events.%E9%A1%B5%E9%9D%A2"),
        ("100%", "analytics.events.100%25"),
        (".a..b", "analytics.events.%.a.%.b"),
        ("*", "analytics.events.%2A"),
    ],
)
def test_subjects_of_ordinary_types_are_readable(event_type: str, subject: str) -> None:
    assert subject_of(event_type) == subject


@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(event_type=EVENT_TYPES | st.sampled_from(["." * MAX_EVENT_TYPE, "😀" * MAX_EVENT_TYPE, "%" * MAX_EVENT_TYPE]))
async def test_nats_stores_any_event_type_under_its_subject(log: LogClient, event_type: str) -> None:
    appended = await append(log, subject_of(event_type), b"x", "")
    stored = await log.api(f"STREAM.MSG.GET.{LOG_STREAM}", {"seq": appended.seq})
    assert event_type_of(stored["message"]["subject"]) == event_type
