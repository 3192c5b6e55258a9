"""Parameters of a stream: its start and end, its events, and their number per frame."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from dirty_equals import IsStr
from websockets.exceptions import ConnectionClosed

from contracts.entries import Gap, LogEntry
from contracts.patterns import TypePattern
from contracts.subjects import LOG_STREAM
from query.live.encoding import encode_entries
from query.live.frames import Item
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.query.conftest import Frame, LiveSocket, QueryService, events_of, running_query, seqs_of
from tests.support.events import event, log_event, log_events, log_raw, some_events
from tests.support.log_damage import allow_deletes, delete_and_accept
from tests.support.waiting import until

pytestmark = pytest.mark.writes_no_table


async def to_the_end(socket: LiveSocket) -> tuple[list[Frame], int]:
    """Returns the frames up to the end of the stream, and the close code."""
    await socket.until("end")
    with pytest.raises(ConnectionClosed) as closed:
        await socket.next()
    assert closed.value.rcvd is not None
    return socket.frames, closed.value.rcvd.code


async def logged_at(log: LogClient, seq: int) -> datetime:
    entry = await log.get(seq)
    assert entry is not None
    return entry.logged_at


async def test_from_a_time_starts_with_the_first_entry_logged_then(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(20))
    time = (await logged_at(log, 8)).isoformat()
    async with query.socket(time) as socket:
        await socket.until("caught_up")
    # log times are finer than a datetime: entry 8 was logged at this microsecond or a fraction later
    assert seqs_of(events_of(socket.frames)) == list(range(8, 21))
    assert socket.hello["cursor"] == IsStr(regex=".*:7:[0-9a-f]{16}")


@pytest.mark.parametrize(
    ("start", "count"),
    [
        ("-1h", 5),
        ("-0s", 0),
        ("2100-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00Z", 5),
        # beyond what fits the server's count of nanoseconds
        ("2262-04-12T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 0),
        ("1677-01-01T00:00:00Z", 5),
        ("0001-01-01T00:00:00Z", 5),
        ("2016-12-31T23:59:60Z", 5),
    ],
)
async def test_from_a_relative_time_or_any_time(query: QueryService, log: LogClient, start: str, count: int) -> None:
    await log_events(log, some_events(5))
    async with query.socket(start) as socket:
        await socket.until("caught_up")
        assert len(events_of(socket.frames)) == count
        await log_event(log, event())
        assert seqs_of(await socket.events(1)) == [6]


async def test_until_a_cursor_ends_with_its_entry(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(20))
    async with query.socket("earliest") as socket:
        seventh = (await socket.events(20))[6]["cursor"]
    async with query.socket("earliest", until=seventh) as socket:
        frames, code = await to_the_end(socket)
    assert (seqs_of(events_of(frames)), code) == (list(range(1, 8)), 1000)
    assert frames[-1] == {"kind": "end", "cursor": seventh}


@pytest.mark.parametrize("filtered", [{}, {"event_type": ["click"]}])
async def test_until_a_time_ends_before_the_first_entry_logged_then(
    query: QueryService, log: LogClient, filtered: dict[str, list[str]]
) -> None:
    sent = await log_events(log, some_events(40))
    time = (await logged_at(log, 31)).isoformat()
    async with query.socket("earliest", until=time, **filtered) as socket:
        frames, code = await to_the_end(socket)
    wanted = [number for number, one in enumerate(sent[:30], 1) if not filtered or one.event_type == "click"]
    assert (seqs_of(events_of(frames)), code) == (wanted, 1000)


async def test_until_a_future_time_is_live_until_then(query: QueryService, log: LogClient) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    async with query.socket(until=soon.isoformat()) as socket:
        await socket.until("caught_up")
        await log_events(log, some_events(3))
        frames, code = await to_the_end(socket)
    assert (seqs_of(events_of(frames)), code) == ([1, 2, 3], 1000)
    assert datetime.now(UTC) >= soon


async def test_an_end_before_the_start_ends_the_stream_at_once(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(3))
    for start, end in (("latest", "-1h"), ("earliest", "1970-01-01T00:00:00Z")):
        async with query.socket(start, until=end) as socket:
            frames, _ = await to_the_end(socket)
        assert events_of(frames) == []


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["checkout.*"], [1]),
        (["checkout.>"], [1, 3]),
        (["checkout.>", "checkout.paid", "页面"], [1, 3, 6]),
        (["*.paid", "checkout.*", "Order Completed"], [1, 5]),  # they overlap, so the log's server cannot filter them
        (["nothing"], []),
    ],
)
async def test_types_are_selected_with_wildcards_in_history_and_live(
    settings: Settings, log: LogClient, patterns: list[str], wanted: list[int]
) -> None:
    types = ["checkout.paid", "checkout", "checkout.cart.opened", "click", "Order Completed", "页面"]
    await log_events(log, (event(name) for name in types))
    async with running_query(settings) as query, query.socket("earliest", event_type=patterns) as socket:
        caught_up = await socket.until("caught_up")
        assert seqs_of(events_of(socket.frames)) == wanted
        assert caught_up["cursor"] == socket.hello["last"]
        await log_events(log, (event(name) for name in types))
        assert seqs_of(await socket.events(len(wanted))) == [6 + seq for seq in wanted]


async def test_any_user_id_can_be_selected(query: QueryService, log: LogClient) -> None:
    users = [-(2**63), 5, 2**63 - 1, 5]
    await log_events(log, (event(user_id=user) for user in users))
    for user, wanted in ((5, [2, 4]), (2**63 - 1, [3]), (-(2**63), [1]), (6, [])):
        async with query.socket("earliest", user_id=user) as socket:
            await socket.until("caught_up")
            assert seqs_of(events_of(socket.frames)) == wanted


async def test_events_without_a_user_or_data_are_sent_with_null_and_an_empty_object(
    query: QueryService, log: LogClient
) -> None:
    start = b'{"event_id":"%b","event_type":"a","created_at":"2026-03-01T12:00:00Z"'
    for rest in (b"}", b',"user_id":null,"event_data":{}}', b',"user_id":5}', b',"event_data":{"a":1}}'):
        await log_raw(log, start % str(uuid4()).encode() + rest)
    async with query.socket("earliest") as socket:
        await socket.until("caught_up")
        events = events_of(socket.frames)
        assert [(one["user_id"], one["event_data"]) for one in events] == [
            (None, {}),
            (None, {}),
            (5, {}),
            (None, {"a": 1}),
        ]
    async with query.socket("earliest", user_id=5) as socket:
        await socket.until("caught_up")
        assert seqs_of(events_of(socket.frames)) == [3]


async def test_batch_limits_the_events_of_a_frame(query: QueryService, log: LogClient) -> None:
    await log_events(log, some_events(20))
    async with query.socket("earliest", batch=3) as socket:
        await socket.until("caught_up")
        await log_events(log, some_events(20, seed=2))
        await socket.events(20)
    counts = [len(frame["events"]) for frame in socket.frames if frame["kind"] == "events"]
    assert max(counts) == 3
    assert sum(counts) == 40


async def test_a_range_without_a_match_is_reported_as_progress(
    query: QueryService, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.live.sending.HEARTBEAT", 0.1)
    monkeypatch.setattr("query.live.sending.CHECK_INTERVAL", 0.05)
    async with query.socket(user_id=999) as socket:
        await socket.until("caught_up")
        await log_events(log, some_events(5))
        while (frame := await socket.next())["cursor"].split(":")[1] != "5":
            assert frame["kind"] == "progress"


async def test_the_logs_server_skips_unselected_types(
    settings: Settings, log: LogClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[int] = []

    def counting(entries: Sequence[LogEntry], *rest: Any) -> list[Item]:
        came.extend(entry.seq for entry in entries)
        return encode_entries(entries, *rest)

    monkeypatch.setattr("query.live.catchup.encode_entries", counting)
    await log_events(log, [*some_events(400), event("rare"), *some_events(400, seed=2)])
    async with running_query(settings) as query, query.socket("earliest", event_type="rare") as socket:
        await socket.until("caught_up")
    assert seqs_of(events_of(socket.frames)) == came == [401]


@pytest.mark.parametrize("patterns", [["page_view"], ["click"]])
async def test_recorded_gaps_reach_clients_that_select_types(
    settings: Settings, log: LogClient, patterns: list[str]
) -> None:
    await allow_deletes(log)
    sent = await log_events(log, some_events(30))
    await delete_and_accept(log, Gap(1, 2), Gap(11, 15))
    async with running_query(settings) as query, query.socket("earliest", event_type=patterns) as socket:
        await socket.until("caught_up")
    kept = [seq for seq in range(1, 31) if seq not in (1, 2, *range(11, 16))]
    assert seqs_of(events_of(socket.frames)) == [seq for seq in kept if sent[seq - 1].event_type in patterns]
    reasons = [frame["reason"] for frame in socket.frames if frame["kind"] == "gap"]
    assert reasons == [IsStr(regex=".*entries 1 to 2 are gone.*"), IsStr(regex=".*entries 11 to 15 are gone.*")]


async def test_unrecorded_holes_reach_clients_that_select_types(settings: Settings, log: LogClient) -> None:
    await allow_deletes(log)
    sent = await log_events(log, some_events(30))
    for seq in (11, 12):
        await log.api(f"STREAM.MSG.DELETE.{LOG_STREAM}", {"seq": seq})
    async with running_query(settings) as query, query.socket("earliest", event_type="click") as socket:
        await socket.until("caught_up")
    clicks = [seq for seq, one in enumerate(sent, 1) if one.event_type == "click" and seq not in (11, 12)]
    assert seqs_of(events_of(socket.frames)) == clicks
    assert [frame["resumed_at"] for frame in socket.frames if frame["kind"] == "gap"] == [IsStr(regex=".*:12:.*")]


@pytest.mark.parametrize("ring", [3, 1_000])
async def test_a_selection_equals_the_logs_matching_entries_in_history_and_live(
    settings: Settings, log: LogClient, ring: int
) -> None:
    chance = random.Random(ring)
    epoch, sent = (await log.state()).epoch, await log_events(log, some_events(150))

    async def check(query: QueryService, first: int, last: int) -> None:
        patterns = chance.sample(PATTERNS, chance.randrange(4))
        user = chance.choice([None, None, *range(10)])
        asked: dict[str, Any] = {"event_type": patterns, "batch": chance.choice([1, 7, 256])}
        asked |= {} if user is None else {"user_id": user}
        start, end = (f"{epoch}:{seq}:{'00000000' if seq else ''}" for seq in (first, last))
        async with query.socket(start, until=end, **asked) as socket:
            frames, _ = await to_the_end(socket)
        wanted = [
            seq
            for seq, one in enumerate(sent[:last], 1)
            if seq > first
            and (not patterns or any(TypePattern.parse(text).matches(one.event_type) for text in patterns))
            and user in (None, one.user_id)
        ]
        assert seqs_of(events_of(frames)) == wanted, (first, last, asked)
        assert {frame["kind"] for frame in frames} <= {"hello", "events", "caught_up", "end"}

    async with running_query(settings.model_copy(update={"live_ring": ring})) as query:
        for _ in range(25):
            first = chance.randrange(150)
            await check(query, first, chance.randrange(first, 151))
        live = [asyncio.create_task(check(query, chance.randrange(100, 151), 210)) for _ in range(15)]
        await until(lambda: _clients(query, 15))
        for one in some_events(60, seed=2):
            sent.append(one)
            await log_event(log, one)
        await asyncio.gather(*live)


PATTERNS = ["click", "page_view", "checkout.*", "*", "页面", ">", "*.completed", "nothing"]


async def _clients(query: QueryService, count: int) -> bool:
    return bool((await query.status())["live_clients"] == count)
