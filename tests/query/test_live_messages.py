"""Messages of /ws clients on an open stream."""

import json
from datetime import timedelta

import pytest
from dirty_equals import IsPartialDict, IsStr

from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import LiveSocket, QueryService, events_of, seqs_of, until_closed
from tests.support.events import BASE, event, log_event, log_events, some_events

pytestmark = pytest.mark.writes_no_table


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with which a client may send messages faster than they are applied."""
    return settings.model_copy(update={"max_frames_per_second": 100_000.0})


def after_the_last_state(socket: LiveSocket) -> list[int]:
    """Returns the sequences of the events after the last state frame."""
    kinds = [frame["kind"] for frame in socket.frames]
    return seqs_of(events_of(socket.frames[len(kinds) - kinds[::-1].index("state") :]))


async def test_a_paused_stream_sends_no_events_and_resumes_at_its_position(query: QueryService, log: LogClient) -> None:
    async with query.socket() as socket, query.socket() as other:
        await socket.until("caught_up")
        await other.until("caught_up")
        assert await socket.say("pause") == IsPartialDict(paused=True)
        await log_events(log, some_events(50))
        await other.events(50)
        state = await socket.say("resume")
        assert state == IsPartialDict(paused=False, cursor=socket.frames[-2]["cursor"])
        await socket.events(50)
        assert seqs_of(events_of(socket.frames)) == list(range(1, 51))
        assert [frame["kind"] for frame in socket.frames[:4]] == ["hello", "caught_up", "state", "state"]


async def test_a_paused_stream_sends_progress(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.05)
    async with query.socket() as socket:
        await socket.until("caught_up")
        state = await socket.say("pause")
        assert await socket.until("progress") == {"kind": "progress", "cursor": state["cursor"]}


async def test_a_seek_reaches_any_place_and_returns_to_live(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(20))
    async with query.socket() as socket:
        await socket.until("caught_up")
        await socket.say("seek", **{"from": "earliest"})
        await socket.until("caught_up")
        assert after_the_last_state(socket) == list(range(1, 21))
        await socket.say("pause")
        state = await socket.say("seek", **{"from": events_of(socket.frames)[14]["cursor"]})
        assert state == IsPartialDict(paused=False, cursor=IsStr(regex=".*:15:.*"))
        await socket.until("caught_up")
        assert after_the_last_state(socket) == [16, 17, 18, 19, 20]
        await socket.say("seek", **{"from": "latest"})
        await socket.until("caught_up")
        await log_event(log, event())
        await socket.events(1)
        assert after_the_last_state(socket) == [21]


async def test_a_seek_can_end_and_be_paced(query: QueryService, log: LogClient) -> None:
    await log_events(log, (event(created_at=BASE + timedelta(seconds=number)) for number in range(10)))
    async with query.socket("earliest") as socket:
        fourth = (await socket.events(10))[3]["cursor"]
        state = await socket.say("seek", **{"from": "earliest", "until": fourth, "speed": 100, "clock": "event"})
        assert state == IsPartialDict(until=fourth, speed=100.0, clock="event")
        assert await socket.until("end") == {"kind": "end", "cursor": fourth}
    assert after_the_last_state(socket) == [1, 2, 3, 4]


async def test_a_seek_during_a_long_wait_takes_effect_at_once(query: QueryService, log: LogClient) -> None:
    await log_events(log, (event(created_at=BASE + timedelta(hours=number)) for number in range(5)))
    async with query.socket("earliest", speed=1, clock="event") as socket:
        await socket.events(1)
        await socket.say("seek", **{"from": "earliest", "speed": "max"})
        await socket.until("caught_up")
    assert after_the_last_state(socket) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("start", ["latest", "earliest"])
async def test_a_new_filter_applies_after_its_state_frame(query: QueryService, log: LogClient, start: str) -> None:
    async with query.socket(start, event_type="click") as socket:
        await socket.until("caught_up")
        await log_events(log, [event("click"), event("page_view"), event("click")])
        await socket.events(2)
        assert await socket.say("filter", event_type=["page_view"]) == IsPartialDict(
            event_type=["page_view"], user_id=None
        )
        await log_events(log, [event("click"), event("page_view", user_id=5), event("page_view", user_id=6)])
        await socket.events(2)
        assert await socket.say("filter", user_id=5) == IsPartialDict(event_type=[], user_id=5)
        await log_events(log, [event("click", user_id=6), event("click", user_id=5)])
        await socket.events(1)
    assert seqs_of(events_of(socket.frames)) == [1, 3, 5, 6, 8]


async def test_a_filter_during_history_skips_and_repeats_nothing(query: QueryService, log: LogClient) -> None:
    sent = await log_events(log, some_events(2_000))
    async with query.socket("earliest", batch=10) as socket:
        before = await socket.events(300)
        state = await socket.say("filter", event_type=["click"])
        behind = int(state["cursor"].split(":")[1])
        await socket.until("caught_up")
    history = seqs_of(events_of(socket.frames))
    assert len(before) >= 300
    assert history[:behind] == list(range(1, behind + 1))
    clicks = [seq for seq, one in enumerate(sent, 1) if one.event_type == "click" and seq > behind]
    assert history[behind:] == after_the_last_state(socket) == clicks


async def test_every_message_is_answered_in_order(query: QueryService, log: LogClient) -> None:
    async with query.socket() as socket:
        await socket.until("caught_up")
        for kind in ("pause", "resume", "pause", "resume"):
            await socket.connection.send(json.dumps({"kind": kind}))
        assert [(await socket.until("state"))["paused"] for _ in range(4)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("pause", "a message must be a JSON object"),
        ('"pause"', "a message must be a JSON object"),
        (b"\\xff\\xfe", "a message must be a JSON object"),
        ("[" * 5_000, "a message must be a JSON object"),
        ("{}", "kind: expected 'pause', 'resume', 'seek' or 'filter'"),
        ('{"kind":"stop"}', "kind: expected 'pause', 'resume', 'seek' or 'filter'"),
        ('{"kind":"seek"}', "from: field required"),
        ('{"kind":"seek","from":"yesterday"}', "from: 'yesterday' is not 'latest', 'earliest', a cursor"),
        ('{"kind":"seek","from":"latest","until":"x"}', "until: 'x' is not a cursor"),
        ('{"kind":"seek","from":"latest","until":"another:1:00000000"}', "until: .* of another log"),
        ('{"kind":"filter","event_type":"click"}', "event_type: input should be a valid list"),
        ('{"kind":"filter","event_type":[""]}', "event_type: an event type has 1 to"),
        ('{"kind":"filter","user":5}', "'user' is not a member"),
        ('{"kind":"pause","for":5}', "'for' is not a member"),
    ],
)
async def test_an_invalid_message_closes_the_stream_with_3501_and_the_reason(
    query: QueryService, log: LogClient, said: str | bytes, reason: str
) -> None:
    async with query.socket() as socket:
        await socket.connection.send(said)
        _, code, why = await until_closed(socket.connection)
    assert (code, why) == (3501, IsStr(regex=f".*{reason}.*"))


@pytest.mark.parametrize("said", ["x" * 66_000, "ä" * 33_000, "x" * 1_000_000, b"x" * 66_000], ids=len)
async def test_a_message_that_is_too_long_is_refused_with_3501_and_the_reason(
    query: QueryService, log: LogClient, said: str | bytes
) -> None:
    async with query.socket() as socket:
        await socket.connection.send(said)
        _, code, why = await until_closed(socket.connection)
    assert (code, why) == (3501, "a message has at most 65,536 bytes")


async def test_a_message_of_the_maximum_length_is_accepted(query: QueryService, log: LogClient) -> None:
    async with query.socket() as socket:
        await socket.connection.send('{"kind":"filter"}'.ljust(65_536))
        assert await socket.until("state") == IsPartialDict(event_type=[])


async def test_a_client_with_too_many_messages_is_refused(query: QueryService, log: LogClient) -> None:
    async with query.socket() as socket:
        await socket.until("caught_up")
        for _ in range(2_000):
            await socket.connection.send('{"kind":"seek","from":"earliest"}')
        _, code, reason = await until_closed(socket.connection)
    assert (code, reason) == (3501, IsStr(regex="more than .* messages are pending"))
