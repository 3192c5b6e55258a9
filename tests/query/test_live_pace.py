"""Replaying the log at its original pace, times a factor."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from contracts.cursors import Cursor
from query.live.frames import Item
from query.live.pacing import Pacer
from query.live.requests import MAX_WAIT
from runtime.log.client import LogClient
from tests.query.conftest import QueryService, events_of, seqs_of
from tests.support.events import BASE, event, log_event, log_events

pytestmark = pytest.mark.writes_no_table


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def items(*seconds: float) -> list[Item]:
    """Returns items with these log times and ``created_at``, in seconds."""
    return [
        Item(Cursor("log", seq), b"{}", "", int(at * 1e9), "click", 1, datetime.fromtimestamp(at, UTC))
        for seq, at in enumerate(seconds, 1)
    ]


def waits(pacer: Pacer, clock: Clock, *times: float) -> list[float]:
    """Returns the seconds from each item to the next."""
    rest, waited, since = items(*times), [], clock.now
    while rest:
        number, wait = pacer.due(rest)
        if number:
            waited += [round(clock.now - since, 3), *[0.0] * (number - 1)]
            since, rest = clock.now, rest[number:]
        clock.now += wait
    return waited


def test_waits_are_the_original_intervals_divided_by_the_speed() -> None:
    clock = Clock()
    assert waits(Pacer(1, "log", now=clock), clock, 50, 51, 51, 53.5) == [0, 1, 0, 2.5]
    assert waits(Pacer(10, "log", now=clock), clock, 50, 51, 51, 53.5) == [0, 0.1, 0, 0.25]
    assert waits(Pacer(0.5, "log", now=clock), clock, 50, 51) == [0, 2]


def test_a_stream_from_a_time_starts_with_the_interval_to_its_first_event() -> None:
    clock = Clock()
    assert waits(Pacer(1, "log", datetime.fromtimestamp(40, UTC), now=clock), clock, 43, 44) == [3, 1]


def test_no_wait_exceeds_the_maximum() -> None:
    clock = Clock()
    assert waits(Pacer(1, "log", now=clock), clock, 50, 50 + 8 * 3600, 51 + 8 * 3600) == [0, MAX_WAIT, 1]


def test_on_the_event_clock_an_earlier_event_is_sent_at_once() -> None:
    clock = Clock()
    assert waits(Pacer(1, "event", now=clock), clock, 50, 40, 45, 52, 51) == [0, 0, 0, 2, 0]


def test_a_client_that_is_late_catches_up() -> None:
    clock = Clock()
    pacer = Pacer(1, "log", now=clock)
    assert pacer.due(items(50)) == (1, 0.0)
    clock.now += 2.5  # the client did not read it earlier
    number, wait = pacer.due(items(51, 52, 53))
    assert (number, round(wait, 3)) == (2, 0.5)


def test_lost_entries_take_no_time() -> None:
    clock = Clock()
    gap = Item(Cursor("log", 5), b"", "lost")
    pacer = Pacer(1, "log", now=clock)
    assert pacer.due([gap, *items(50), gap]) == (3, 0.0)
    assert pacer.due(items(51)) == (0, 1.0)


def test_after_a_pause_the_next_wait_restarts() -> None:
    clock = Clock()
    pacer = Pacer(1, "log", now=clock)
    pacer.due(items(50))
    clock.now += 100
    pacer.restart()
    assert pacer.due(items(52)) == (0, 2.0)


async def test_a_paced_stream_keeps_its_pace_and_then_is_live(query: QueryService, log: LogClient) -> None:
    await log_events(log, (event(created_at=BASE + timedelta(seconds=10 * number)) for number in range(6)))
    began = time.monotonic()
    async with query.socket("earliest", speed=100, clock="event") as socket:
        await socket.until("caught_up")
        took = time.monotonic() - began
        assert seqs_of(events_of(socket.frames)) == [1, 2, 3, 4, 5, 6]
        frames = [frame for frame in socket.frames if frame["kind"] == "events"]
        assert took >= 0.45
        assert len(frames) >= 3  # they arrived one after the other
        await log_event(log, event(created_at=BASE + timedelta(days=1)))
        assert seqs_of(await socket.events(1)) == [7]


async def test_events_that_arrive_during_a_paced_stream_are_paced_until_it_has_caught_up(
    query: QueryService, log: LogClient
) -> None:
    await log_events(log, (event(created_at=BASE + timedelta(seconds=10 * number)) for number in range(3)))
    async with query.socket("earliest", speed=50, clock="event") as socket:
        await socket.events(1)
        await log_event(log, event(created_at=BASE + timedelta(seconds=30)))
        await socket.until("caught_up")
    assert seqs_of(events_of(socket.frames)) == [1, 2, 3, 4]


@pytest.mark.parametrize("selected", [{}, {"event_type": ["click"]}, {"user_id": 7}])
async def test_the_log_clock_paces_from_the_requested_time(
    query: QueryService, log: LogClient, selected: dict[str, object]
) -> None:
    first = datetime.now(UTC)
    for _ in range(3):
        await log_event(log, event("click", user_id=7))
        await log_event(log, event("page_view", user_id=8))
    async with query.socket((first - timedelta(seconds=10)).isoformat(), speed=50, **selected) as socket:
        began = time.monotonic()
        await socket.events(1)
        assert time.monotonic() - began >= 0.15  # ten seconds before the first, fifty times as fast
        await socket.until("caught_up")
    assert seqs_of(events_of(socket.frames)) == ([1, 3, 5] if selected else [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("speed", ["max", "1e5", "0.1"])
async def test_any_documented_speed_is_accepted(query: QueryService, log: LogClient, speed: str) -> None:
    await log_event(log, event())
    async with query.socket("earliest", speed=speed) as socket:
        await socket.until("caught_up")
    assert seqs_of(events_of(socket.frames)) == [1]
