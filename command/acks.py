"""Reads acknowledgements from the log's server without a message object, a queue and a task for each."""

import re
from collections.abc import Callable

from nats.aio.client import Client
from nats.protocol.parser import Parser

Acknowledged = Callable[[int, int, bytes], None]
"""Called with the batch, the index in the batch, and the server's answer as JSON."""

_PAYLOAD = re.compile(rb"H?MSG [^\r\n]* (\d+)\r\n")


class AckParser(Parser):
    """nats-py's parser with a shortcut for deliveries on ``<replies>.<batch>.<index>`` of one subscription.

    Everything else goes to the inherited parser, one complete protocol message at a time: it would otherwise consume
    what follows in the buffer too.
    """

    def __init__(self, connection: Client, replies: str, sid: int, acknowledged: Acknowledged) -> None:
        self._rest = bytearray()
        super().__init__(connection)
        self._ack = re.compile(rb"MSG %b\.(\d+)\.(\d+) %d (\d+)\r\n" % (re.escape(replies.encode()), sid))
        self._acknowledged = acknowledged

    def reset(self) -> None:
        """Drops what is buffered; nats-py calls this when a connection ends."""
        super().reset()
        self._rest = bytearray()

    async def parse(self, data: bytes = b"") -> None:
        """Handles every complete protocol message in ``data`` and what was left of the last call."""
        buffer = self._rest
        buffer += data
        match, position, size = self._ack.match, 0, len(buffer)
        while position < size:
            if ack := match(buffer, position):
                start, end = ack.end(), ack.end() + int(ack[3])
                if end + 2 > size:
                    break
                self._acknowledged(int(ack[1]), int(ack[2]), bytes(buffer[start:end]))
                position = end + 2
                continue
            line_end = buffer.find(b"\r\n", position)
            if line_end < 0:
                break
            end = line_end + 2
            if payload := _PAYLOAD.match(buffer, position):
                end += int(payload[1]) + 2
                if end > size:
                    break
            message, position = bytes(buffer[position:end]), end
            await super().parse(message)
            if self._rest is not buffer:  # the connection ended meanwhile
                return
        del buffer[:position]


def install_parser(connection: Client, replies: str, sid: int, acknowledged: Acknowledged) -> None:
    """Replaces the parser of a connection that has received no message yet."""
    parser = AckParser(connection, replies, sid, acknowledged)
    before = connection._ps
    parser._rest += before.buf
    before.buf.clear()
    connection._ps = parser
