"""Live clients receive one shape of an event type for all versions in the log."""

from pathlib import Path

import pytest
from dirty_equals import IsPartialDict, IsStr
from msgspec.structs import replace

from contracts.entries import LogEntry
from contracts.events import Event, encode_event
from migrations.upcasters import load_upcasters
from query.live.encoding import encode_entry
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import QueryService
from tests.support.events import event, log_event

pytestmark = pytest.mark.writes_no_table

EXAMPLE = Path(__file__).parents[2] / "examples" / "upcasters.py"
NOW_SHAPE = {"amount": {"cents": 1250, "currency": "EUR"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"upcasters": str(EXAMPLE)})


def order(data: str, version: int = 1) -> Event:
    return replace(event("order_completed", data=data), event_version=version)


def generations() -> list[Event]:
    return [
        order('{"total":12.5}'),
        order('{"total_cents":1250}', 2),
        order('{"amount":{"cents":1250,"currency":"EUR"}}', 3),
    ]


async def test_history_and_live_events_have_the_current_shape(query: QueryService, log: LogClient) -> None:
    past, present = generations(), generations()
    for one in past:
        await log_event(log, one)
    async with query.socket("earliest") as socket:
        found = await socket.events(3)
        await socket.until("caught_up")
        for one in present:
            await log_event(log, one)
        found += await socket.events(3)
    assert [one["event_id"] for one in found] == [str(one.event_id) for one in past + present]
    assert all(one["event_data"] == NOW_SHAPE and one["event_version"] == 3 for one in found)
    assert len({tuple(one) for one in found}) == 1  # the same members in the same order


async def test_an_unreadable_entry_is_a_gap_with_the_reason(query: QueryService, log: LogClient) -> None:
    await log_event(log, order('{"sum":1}'))
    await log_event(log, order("{}", 9))
    await log_event(log, order('{"total":12.5}'))
    async with query.socket("earliest") as socket:
        first, second = await socket.until("gap"), await socket.until("gap")
        [shown] = await socket.events(1)
    assert first == IsPartialDict(reason=IsStr(regex="the entry is not a valid event: .*KeyError: 'total'"))
    assert second == IsPartialDict(reason=IsStr(regex=".*9 of order_completed is newer than 3.*"))
    assert shown["event_data"] == NOW_SHAPE


def test_an_event_of_the_current_version_is_the_logs_own_text(settings: Settings) -> None:
    upcasters = load_upcasters(settings)
    for one in (order('{"amount" : {"cents":1250}, "x":1.50}', 3), event(data='{ "path":"/home" }')):
        payload = encode_event(one)
        item = encode_entry(LogEntry(1, 1_800_000_000_250_000_999, "id", payload), "log", upcasters)
        ours = f'{{"cursor":"{item.cursor}","logged_at":"2027-01-15T08:00:00.250000Z",'
        assert item.json == ours.encode() + payload[1:]
