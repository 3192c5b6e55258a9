"""The parser of the log's connection: any split of the stream gives the same entries, statuses and other messages."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from contracts.entries import LogEntry
from runtime.log.deliveries import Deliveries, Status
from runtime.log.parser import DeliveryParser, install_parser

SID, FOREIGN_SID = 7, 8
INBOX = b"_INBOX.reader.1"


class Recorder:
    """A nats-py client that records what its parser passes on."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._ps: Any = Parser(self)

    async def _process_msg(self, *message: object) -> None:
        self.calls.append(("message", *message))

    async def _process_ping(self) -> None:
        self.calls.append(("ping",))

    async def _process_pong(self) -> None:
        self.calls.append(("pong",))

    async def _process_info(self, info: object) -> None:
        self.calls.append(("info", info))

    async def _process_err(self, text: str) -> None:
        self.calls.append(("error", text))


class Frame(NamedTuple):
    """A protocol message and what becomes of it."""

    data: bytes
    entry: LogEntry | None = None
    status: tuple[int, str] | None = None
    call: tuple[Any, ...] | None = None


def delivery(
    number: int, payload: bytes, headers: bytes = b"", *, domain: str = "", suffix: str = "", entry: LogEntry
) -> Frame:
    place = f"{domain}ANALYTICS.reader.1.{entry.seq}.{number}.{entry.time_ns}.{5}{suffix}"
    line = b"analytics.events.test %d $JS.ACK.%s" % (SID, place.encode())
    if headers:
        block = b"NATS/1.0\r\n" + headers + b"\r\n"
        data = b"HMSG %s %d %d\r\n%s%s\r\n" % (line, len(block), len(block) + len(payload), block, payload)
    else:
        data = b"MSG %s %d\r\n%s\r\n" % (line, len(payload), payload)
    return Frame(data, entry=entry)


def status(code: int, text: str, headers: bytes = b"") -> Frame:
    block = f"NATS/1.0 {code} {text}".rstrip().encode() + b"\r\n" + headers + b"\r\n"
    data = b"HMSG %s %d %d %d\r\n%s\r\n" % (INBOX, SID, len(block), len(block), block)
    return Frame(data, status=(code, text))


def foreign(payload: bytes, headers: bytes = b"", reply: bytes = b"") -> Frame:
    subject = b"_INBOX.other" + (b" " if reply else b"")
    if headers:
        line = b"HMSG _INBOX.other %d %s%d %d\r\n"
        reply_part = reply + b" " if reply else b""
        data = line % (FOREIGN_SID, reply_part, len(headers), len(headers) + len(payload)) + headers + payload + b"\r\n"
    else:
        reply_part = reply + b" " if reply else b""
        data = b"MSG _INBOX.other %d %s%d\r\n" % (FOREIGN_SID, reply_part, len(payload)) + payload + b"\r\n"
    call = ("message", FOREIGN_SID, subject.strip(), reply, payload, headers or None)
    return Frame(data, call=call)


PING = Frame(b"PING\r\n", call=("ping",))
PONG = Frame(b"PONG\r\n", call=("pong",))
OK = Frame(b"+OK\r\n")
INFO = Frame(
    b'INFO {"server_id":"x","max_payload":1048576}\r\n', call=("info", {"server_id": "x", "max_payload": 2**20})
)
ERROR = Frame(b"-ERR 'Permissions Violation'\r\n", call=("error", "'permissions violation'"))

tokens = st.text("abcXYZ019", min_size=1, max_size=8)
payloads = st.binary(max_size=60) | st.sampled_from(
    [b"PING\r\n", b"\r\nNats-Msg-Id: fake\r\n\r\n", b"MSG x 7 $JS.ACK.a 1\r\n", b"\r\n", b"\r\ntraceparent: fake\r\n"]
)
values = st.text("aZ9-:é€\U0001f600", max_size=12)
other_headers = st.lists(st.builds(lambda name, value: f"X-{name}: {value}\r\n", tokens, values), max_size=2)


@st.composite
def deliveries_frames(draw: st.DrawFn) -> Any:
    seq, time_ns = draw(st.integers(1, 2**62)), draw(st.integers(1, 2**62))
    payload = draw(payloads)
    domain, suffix = draw(st.sampled_from([("", ""), ("hub.ACCOUNT.", ""), ("hub.ACCOUNT.", ".token")]))
    message_id = draw(st.none() | values)
    trace = draw(st.none() | tokens)
    space = draw(st.sampled_from(["", " ", "  "]))
    lines = draw(other_headers)
    if message_id is not None:
        lines.insert(draw(st.integers(0, len(lines))), f"Nats-Msg-Id:{space}{message_id}\r\n")
    if trace is not None:
        lines.insert(draw(st.integers(0, len(lines))), f"traceparent:{space}{trace}\r\n")
    entry = LogEntry(seq, time_ns, message_id or "", payload, trace or "")
    headers = "".join(lines).encode()
    return lambda number: delivery(number, payload, headers, domain=domain, suffix=suffix, entry=entry)


statuses = st.sampled_from(
    [
        status(100, "Idle Heartbeat", b"Nats-Last-Consumer: 12\r\nNats-Last-Stream: 34\r\n"),
        status(404, "No Messages"),
        status(408, "Request Timeout", b"Nats-Pending-Messages: 1\r\nNats-Pending-Bytes: 0\r\n"),
        status(409, "Batch Completed"),
        status(409, "Message Size Exceeds MaxBytes", b"Nats-Pending-Messages: 7\r\n"),
        status(409, "Consumer Deleted"),
        status(503, ""),
    ]
)
foreign_frames = st.builds(
    foreign,
    payloads,
    st.sampled_from([b"", b"NATS/1.0\r\nNats-Msg-Id: other\r\n\r\n", b"NATS/1.0 503\r\n\r\n"]),
    st.sampled_from([b"", b"_INBOX.reply.1", b"$JS.ACK.S.c.1.2.3.4.5"]),
)
others = st.sampled_from([PING, PONG, OK, INFO, ERROR])


@st.composite
def streams(draw: st.DrawFn) -> list[Frame]:
    frames: list[Frame] = []
    number = 0
    for frame in draw(st.lists(deliveries_frames() | statuses | foreign_frames | others, max_size=12)):
        if callable(frame):
            number += 1
            frame = frame(number)
        frames.append(frame)
    return frames


EXAMPLE = [
    PING,
    delivery(1, b'{"a":1}', b"Nats-Msg-Id: id-1\r\n", entry=LogEntry(11, 111, "id-1", b'{"a":1}')),
    delivery(2, b"\r\nNats-Msg-Id: fake\r\n", entry=LogEntry(12, 112, "", b"\r\nNats-Msg-Id: fake\r\n")),
    foreign(b"PING\r\n", b"NATS/1.0\r\nNats-Msg-Id: other\r\n\r\n", b"$JS.ACK.S.c.1.2.3.4.5"),
    delivery(
        3,
        b"",
        b"X-Nats-Msg-Id: no\r\ntraceparent: 00-ab-cd-01\r\nNats-Msg-Id:id-3\r\n",
        domain="hub.ACCOUNT.",
        suffix=".x",
        entry=LogEntry(14, 113, "id-3", b"", "00-ab-cd-01"),
    ),
    status(408, "Request Timeout", b"Nats-Pending-Messages: 1\r\n"),
    INFO,
]


def parser_of(client: Recorder) -> tuple[DeliveryParser, Deliveries]:
    parser = install_parser(client)  # type: ignore[arg-type]
    assert parser is not None
    deliveries = Deliveries()
    parser.register(SID, deliveries)
    return parser, deliveries


async def feed(parser: Any, *parts: bytes) -> None:
    for part in parts:
        await parser.parse(part)


def check(frames: list[Frame], client: Recorder, deliveries: Deliveries) -> None:
    assert deliveries.failure is None
    assert deliveries.entries == [frame.entry for frame in frames if frame.entry]
    assert all(type(entry) is LogEntry and type(entry.payload) is bytes for entry in deliveries.entries)
    expected: list[Status] = []
    received = 0
    for frame in frames:
        received += frame.entry is not None
        if frame.status:
            expected.append(Status(INBOX.decode(), *frame.status, received))
    assert deliveries.statuses == expected
    assert client.calls == [frame.call for frame in frames if frame.call]


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    begin = 0
    for place in sorted({place % (len(data) + 1) for place in places} | {len(data)}):
        yield data[begin:place]
        begin = place


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams(), st.lists(st.integers(0, 10**6), max_size=8))
def test_any_split_gives_the_same(frames: list[Frame], places: list[int]) -> None:
    client = Recorder()
    parser, deliveries = parser_of(client)
    asyncio.run(feed(parser, *cut(b"".join(frame.data for frame in frames), places)))
    check(frames, client, deliveries)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_small_parts_give_the_same(step: int) -> None:
    data = b"".join(frame.data for frame in EXAMPLE)
    client = Recorder()
    parser, deliveries = parser_of(client)
    asyncio.run(feed(parser, *(data[at : at + step] for at in range(0, len(data), step))))
    check(EXAMPLE, client, deliveries)


def test_a_split_at_every_offset_gives_the_same() -> None:
    data = b"".join(frame.data for frame in EXAMPLE)

    async def split_everywhere() -> None:
        for offset in range(len(data) + 1):
            client = Recorder()
            parser, deliveries = parser_of(client)
            await feed(parser, data[:offset], data[offset:])
            check(EXAMPLE, client, deliveries)

    asyncio.run(split_everywhere())


def test_the_parser_can_be_installed_in_the_middle_of_any_message() -> None:
    foreigners = [frame for frame in EXAMPLE if not frame.entry and not frame.status]
    data = b"".join(frame.data for frame in foreigners)

    async def install_everywhere() -> None:
        for offset in range(len(data) + 1):
            client = Recorder()
            await client._ps.parse(data[:offset])
            parser, deliveries = parser_of(client)
            await feed(parser, data[offset:], EXAMPLE[1].data)
            check([*foreigners, EXAMPLE[1]], client, deliveries)

    asyncio.run(install_everywhere())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams())
def test_nats_pys_own_parser_gives_the_same(frames: list[Frame]) -> None:
    """The fallback, for a nats-py that has no known parser to replace."""
    library = Client()
    client, deliveries = Recorder(), Deliveries()

    async def process(sid: int, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        if sid == SID:
            found = await library._process_headers(headers)
            deliveries.add_message(subject.decode(), reply.decode(), found, payload)
        else:
            client.calls.append(("message", sid, subject, reply, payload, headers))

    client._process_msg = process  # type: ignore[method-assign, assignment]

    asyncio.run(feed(client._ps, b"".join(frame.data for frame in frames)))
    assert deliveries.entries == [frame.entry for frame in frames if frame.entry]
    assert [found[1:3] for found in deliveries.statuses] == [frame.status for frame in frames if frame.status]


@pytest.mark.parametrize("size", [40_000, 1_048_576, 3_000_000])
def test_a_large_payload_arrives_in_many_parts(size: int) -> None:
    payload = b"\r\nPING\r\n" * (size // 8)
    frames = [PING, delivery(1, payload, b"Nats-Msg-Id: big\r\n", entry=LogEntry(5, 6, "big", payload)), PONG]
    data = b"".join(frame.data for frame in frames)
    client = Recorder()
    parser, deliveries = parser_of(client)
    asyncio.run(feed(parser, *(data[at : at + 32768] for at in range(0, len(data), 32768))))
    check(frames, client, deliveries)


def test_bytes_behind_a_reset_are_dropped() -> None:
    """nats-py resets the parser within a message that ends the connection, and then reads another connection."""
    client = Recorder()
    parser, deliveries = parser_of(client)

    async def lose_connection(text: str) -> None:
        parser.reset()

    client._process_err = lose_connection  # type: ignore[method-assign]
    asyncio.run(feed(parser, EXAMPLE[1].data + ERROR.data + EXAMPLE[2].data, PING.data))
    assert deliveries.entries == [EXAMPLE[1].entry]
    assert client.calls == [("ping",)]


def test_a_reset_drops_a_partial_message() -> None:
    client = Recorder()
    parser, deliveries = parser_of(client)
    asyncio.run(feed(parser, EXAMPLE[1].data[:-5]))
    parser.reset()
    asyncio.run(feed(parser, EXAMPLE[1].data))
    check([EXAMPLE[1]], client, deliveries)


def test_entries_before_another_message_are_available_while_that_is_processed() -> None:
    client = Recorder()
    parser, deliveries = parser_of(client)
    seen: list[int] = []

    async def look() -> None:
        seen.append(len(deliveries.take(10)))

    client._process_ping = look  # type: ignore[method-assign]
    asyncio.run(feed(parser, EXAMPLE[1].data + PING.data + EXAMPLE[2].data))
    assert seen == [1]
    assert deliveries.entries == [EXAMPLE[2].entry]


def test_an_unregistered_subscription_is_left_to_nats_py() -> None:
    client = Recorder()
    parser, deliveries = parser_of(client)
    parser.unregister(SID)
    asyncio.run(feed(parser, EXAMPLE[1].data))
    assert deliveries.entries == []
    [(kind, sid, *_)] = client.calls
    assert (kind, sid) == ("message", SID)


@pytest.mark.parametrize("data", [b"MSG\r\n", b"MSG a 7 x\r\n", b"HMSG a 7 1\r\n", b"NONSENSE\r\n", b"MSG a 7 -1\r\n"])
def test_anything_but_the_protocol_is_an_error(data: bytes) -> None:
    client = Recorder()
    parser, _ = parser_of(client)
    with pytest.raises(ProtocolError):
        asyncio.run(feed(parser, data, b"\r\n" * 3))


def test_an_invalid_message_id_is_replaced_like_nats_py_does() -> None:
    client = Recorder()
    parser, deliveries = parser_of(client)
    asyncio.run(feed(parser, delivery(1, b"x", b"Nats-Msg-Id: \xff\r\n", entry=LogEntry(1, 2, "", b"x")).data))
    assert deliveries.entries[0].message_id == "\ufffd"


def test_only_a_known_parser_is_replaced() -> None:
    class Unknown:
        pass

    client = Recorder()
    client._ps = Unknown()
    assert install_parser(client) is None  # type: ignore[arg-type]
    del client._ps
    assert install_parser(client) is None  # type: ignore[arg-type]
