"""A command service whose clock is wrong: events get the log server's time, so that none is parked later."""

import logging
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from runtime import clock
from runtime.clock import Clock
from runtime.log.client import LogClient
from runtime.settings import Settings
from tailrace.status import read_status
from tests.query.conftest import running_query
from tests.support.command import logged_events, running_command


async def test_events_get_the_log_servers_time(
    log: LogClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = SimpleNamespace(time=lambda: time.time() + 3 * 86_400)
    monkeypatch.setattr(clock, "time", ahead)
    sent = {"event_type": "click", "user_id": 1, "event_data": {}}
    future = {**sent, "created_at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}
    with caplog.at_level(logging.WARNING, "tailrace.runtime"):
        async with running_command(settings) as command:
            answer = await command.http.post("/events", json=[sent, future])
    assert (answer.status_code, answer.json()["accepted"]) == (207, 1)
    assert "too far in the future" in answer.json()["rejected"][0]["message"]
    [event] = await logged_events(log)
    assert abs(event.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert "this machine's clock is 3 days, 0:00:00 ahead of the log server's" in caplog.text


async def test_readiness_and_status_name_a_wrong_clock(
    log: LogClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_query(settings) as query:
        assert (await query.http.get("/health/ready")).json() == {"status": "ok", "database": "ok", "log": "ok"}
        monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: time.time() - 3_600))
        answer = await query.http.get("/health/ready")
        status = await read_status(settings)
    [warning] = answer.json()["warnings"]
    assert warning.startswith("this machine's clock is 1:00:00 behind the log server's: set the clock")
    assert answer.status_code == 200
    assert f"the query service: {warning}" in status["problems"]


def test_a_small_difference_changes_nothing_and_a_correction_ends_with_its_cause() -> None:
    found = Clock()
    for seconds, corrected in ((5, 0), (3_600, 3_600), (-3_600, -3_600), (0, 0)):
        found.compare(datetime.now(UTC) - timedelta(seconds=seconds), datetime.now(UTC))
        assert (found.difference() is not None) == (corrected != 0)
        difference = (datetime.now(UTC) - found.now()).total_seconds()
        assert abs(difference - corrected) < 5


def test_a_late_answer_is_no_difference() -> None:
    found = Clock()
    hour = timedelta(hours=1)
    found.compare(datetime.now(UTC) - hour / 2, datetime.now(UTC) - hour)
    assert found.difference() is None
