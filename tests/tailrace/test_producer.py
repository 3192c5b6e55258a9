"""The mock shop's events: realistic, valid, and reproducible with a seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import msgspec
import pytest
from dirty_equals import IsFloat, IsInt, IsList, IsOneOf, IsPositive, IsStr

from contracts.events import Event, encode_event, read_event
from tailrace.producer.backlog import MAX_BACKLOG, Backlog
from tailrace.producer.source import EventSource, day_factor

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def take(count: int, seed: int | None = 7, start: datetime = START, rate: float = 10.0) -> list[Event]:
    return list(islice(EventSource(seed, start, rate=rate), count))


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(event.event_data)
    return data


def no_id() -> Any:
    raise AssertionError("the event has no id of its own")


def content(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(event.event_id, event.event_type, event.user_id, bytes(event.event_data)) for event in events]


def test_the_same_seed_and_start_give_the_same_events() -> None:
    assert list(map(encode_event, take(2_000))) == list(map(encode_event, take(2_000)))


def test_ids_and_content_depend_only_on_the_seed() -> None:
    later = take(2_000, start=START + timedelta(days=40), rate=1_000.0)
    assert content(later) == content(take(2_000))
    assert content(take(10, seed=8)) != content(take(10, seed=7))


def test_without_a_seed_runs_differ_and_ids_are_in_time_order() -> None:
    one, other = take(100, seed=None), take(100, seed=None)
    assert content(one) != content(other)
    ids = [event.event_id for event in one]
    assert {event_id.version for event_id in ids} == {7}
    assert ids == sorted(ids)


def test_every_event_is_valid() -> None:
    for event in take(5_000):
        assert read_event(encode_event(event), now=START + timedelta(hours=1), new_id=no_id).event_id == event.event_id


def test_ids_are_distinct() -> None:
    assert len({event.event_id for event in take(20_000)}) == 20_000


def test_every_type_has_its_data() -> None:
    device = {"device": IsOneOf("mobile", "desktop", "tablet")}
    money = {"amount": IsPositive(), "currency": "EUR", **device}
    expected: dict[str, dict[str, Any]] = {
        "page_view": {"path": IsStr(regex="/.*"), "referrer": IsOneOf(None, IsStr(regex="https://.*")), **device},
        "click": {"path": IsStr(regex="/.*"), "element": IsStr(), **device},
        "search": {"query": IsStr(), "results": IsInt(ge=0), **device},
        "sign_up": {"method": IsStr(), "plan": IsStr(), **device},
        "add_to_cart": {"sku": IsStr(), "name": IsStr(), "price": IsFloat(gt=0), "quantity": 1, **device},
        "checkout.started": {"items": IsPositive(), **money},
        "checkout.completed": {"order_id": IsStr(), "payment": IsStr(), **money},
        "order": {"order_id": IsStr(), "items": IsList(length=...), **money},
    }
    events = take(20_000)
    assert {event.event_type for event in events} == set(expected)
    for event in events:
        assert data_of(event) == expected[event.event_type]


def test_page_views_are_the_most_frequent_and_orders_the_least() -> None:
    counts = Counter(event.event_type for event in take(20_000))
    assert counts["page_view"] > counts["click"] > counts["add_to_cart"] > counts["order"] > 0
    assert counts["checkout.started"] > counts["checkout.completed"] >= counts["order"]


def test_some_users_are_frequent_and_many_are_rare() -> None:
    users = Counter(event.user_id for event in take(50_000))
    assert len(users) > 1_000
    often = sum(count for _, count in users.most_common(len(users) // 10))
    assert 0.2 < often / 50_000 < 0.6
    assert users.most_common(1)[0][1] < 0.02 * 50_000


def test_an_order_contains_the_products_of_the_cart() -> None:
    events = take(20_000)
    for event in events:
        if event.event_type == "order":
            order = data_of(event)
            assert order["amount"] == round(sum(item["price"] for item in order["items"]), 2)


def test_a_few_events_are_late_and_none_is_early() -> None:
    source = EventSource(7, START)
    lateness = []
    for _ in range(5_000):
        due = source.clock
        lateness.append((due - next(source).created_at).total_seconds())
    assert min(lateness) >= 0
    assert 0.01 < sum(late > 1 for late in lateness) / 5_000 < 0.06
    assert max(lateness) <= 121


@pytest.mark.parametrize("rate", [0.5, 20.0, 5_000.0])
def test_the_rate_holds_on_average_over_a_day(rate: float) -> None:
    factors = [day_factor(START + timedelta(minutes=minute)) for minute in range(1440)]
    assert sum(factors) / 1440 == pytest.approx(1, abs=0.001)
    assert min(factors) == pytest.approx(0.7, abs=0.01)
    assert max(factors) == pytest.approx(1.3, abs=0.01)
    source = EventSource(7, START, rate=rate)
    for _ in range(5_000):
        next(source)
    seconds = (source.clock - START).total_seconds()
    assert 0.65 * rate < 5_000 / seconds < 1.35 * rate


def test_the_day_is_the_same_in_every_zone() -> None:
    elsewhere = START.astimezone(datetime.fromisoformat("2026-03-01T12:00:00+09:00").tzinfo)
    assert day_factor(elsewhere) == day_factor(START)


def test_events_come_at_uneven_intervals() -> None:
    source = EventSource(7, START)
    dues = [source.clock for _ in range(100) if next(source)]
    gaps = {later - earlier for earlier, later in pairwise(dues)}
    assert len(gaps) > 90


def test_a_backlog_is_bounded_and_skips_later_events() -> None:
    source = EventSource(7, START, rate=1_000)
    backlog = Backlog(source, None)
    later = START + timedelta(hours=1)
    assert len(backlog.due(later, 10**9)) == MAX_BACKLOG
    assert source.clock == later
    backlog.drop(MAX_BACKLOG)
    (after,) = backlog.due(later, 1)
    assert msgspec.json.decode(after, type=Event).created_at > later - timedelta(minutes=3)


def test_a_backlog_holds_what_is_due_until_it_is_dropped() -> None:
    backlog = Backlog(EventSource(7, START, rate=10), None)
    assert len(backlog.due(START, 100)) == 1
    due = backlog.due(START + timedelta(seconds=60), 100)
    assert due == list(map(encode_event, take(100)))
    backlog.drop(40)
    assert backlog.due(START + timedelta(seconds=60), 60) == due[40:]


def test_a_backlog_ends_after_exactly_its_count() -> None:
    backlog = Backlog(EventSource(7, START, rate=10), 5)
    assert len(backlog.due(START + timedelta(hours=1), 100)) == 5
    assert not backlog.finished
    backlog.drop(5)
    assert backlog.finished
    assert backlog.due(START + timedelta(hours=2), 100) == []
