"""The parser of acknowledgements, against the bytes that a server sends."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from command.acks import AckParser

REPLIES, SID = "_INBOX.abc", 7


class Connection:
    """Records what nats-py's parser passes on."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, payload: bytes, header: bytes | None) -> None:
        self.calls.append(("message", sid, subject, reply, payload, header))

    async def _process_ping(self) -> None:
        self.calls.append("ping")

    async def _process_pong(self) -> None:
        self.calls.append("pong")

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.calls.append(("info", info))

    async def _process_err(self, text: str) -> None:
        self.calls.append(("error", text))


def ack(batch: int, index: int, answer: bytes, sid: int = SID) -> bytes:
    return b"MSG %b.%d.%d %d %d\r\n%b\r\n" % (REPLIES.encode(), batch, index, sid, len(answer), answer)


STORED = b'{"stream":"ANALYTICS", "seq":12}'
BIG = b"MSG x" * 30_000
SENT = [
    (ack(3, 0, STORED), (3, 0, STORED)),
    (b"PING\r\n", "ping"),
    (ack(3, 1, b""), (3, 1, b"")),
    (b"MSG other.1.2 7 4\r\nMSG \r\n", ("message", 7, b"other.1.2", b"", b"MSG ", None)),
    (ack(4, 999, STORED, sid=8), ("message", 8, b"_INBOX.abc.4.999", b"", STORED, None)),
    (b"MSG _INBOX.abc.1 9 reply.to 2\r\n\r\n\r\n", ("message", 9, b"_INBOX.abc.1", b"reply.to", b"\r\n", None)),
    (
        b"HMSG _INBOX.abc.5.6 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
        ("message", 7, b"_INBOX.abc.5.6", b"", b"", b"NATS/1.0 503\r\n\r\n"),
    ),
    (b"+OK\r\n", None),
    (b'INFO {"max_payload":5}\r\n', ("info", {"max_payload": 5})),
    (b"-ERR 'Permissions Violation'\r\n", ("error", "'permissions violation'")),
    (b"MSG large 9 %d\r\n%b\r\n" % (len(BIG), BIG), ("message", 9, b"large", b"", BIG, None)),
    (b"PONG\r\n", "pong"),
    (ack(12345, 12, STORED), (12345, 12, STORED)),
]
WIRE = b"".join(wire for wire, _ in SENT)
EXPECTED = [call for _, call in SENT if call is not None]


async def parsed(chunks: Iterable[bytes]) -> list[Any]:
    connection = Connection()
    parser = AckParser(connection, REPLIES, SID, lambda *found: connection.calls.append(found))  # type: ignore[arg-type]
    for chunk in chunks:
        await parser.parse(chunk)
    return connection.calls


async def test_acknowledgements_and_other_messages_keep_their_order() -> None:
    assert await parsed([WIRE]) == EXPECTED


async def test_a_message_can_be_split_at_any_byte() -> None:
    small = WIRE.replace(BIG, BIG[:5]).replace(b"large 9 %d" % len(BIG), b"large 9 5")
    whole = await parsed([small])
    assert len(whole) == len(EXPECTED)
    for place in range(len(small)):
        assert await parsed([small[:place], small[place:]]) == whole
    assert await parsed(small[place : place + 1] for place in range(len(small))) == whole


@given(st.data())
async def test_chunks_of_any_size_give_the_same_messages(data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(WIRE)), max_size=20)))
    chunks = [WIRE[start:end] for start, end in zip([0, *places], [*places, len(WIRE)], strict=True)]
    assert await parsed(chunks) == EXPECTED


async def test_a_lost_connection_drops_the_beginning_of_a_message() -> None:
    connection = Connection()
    parser = AckParser(connection, REPLIES, SID, lambda *found: connection.calls.append(found))  # type: ignore[arg-type]
    await parser.parse(ack(1, 1, STORED)[:-5])
    parser.reset()
    await parser.parse(ack(2, 1, STORED))
    assert connection.calls == [(2, 1, STORED)]


async def test_an_unknown_line_is_a_protocol_error() -> None:
    for line in (b"HELLO world\r\n", b"MSG without a size\r\n"):
        with pytest.raises(ProtocolError):
            await parsed([line])
