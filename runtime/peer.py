"""The other end of a streaming connection: whether it still reads."""

import socket
import struct
from asyncio import Transport

TRANSPORT = "tailrace.transport"
"""The ASGI extension (in ``scope["extensions"]``) with a connection's transport."""
UNSENT = 128 * 1024
"""Bytes that the kernel holds unsent per connection: a pong and a close frame wait behind what is buffered."""

_UNACKED, _ACKNOWLEDGED, _NOT_SENT = 24, 120, 144  # offsets in Linux' struct tcp_info


class Peer:
    """What a transport's other end has received."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._acknowledged = -1

    def is_receiving(self) -> bool:
        """Whether it has received something since the last call, or everything that was sent.

        A client that reads slowly makes room in its kernel's buffer, and its kernel acknowledges more.
        """
        if self._transport.is_closing():
            return True
        try:
            connection = self._transport.get_extra_info("socket")
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        except OSError:  # the connection has just ended
            return True
        before, (self._acknowledged,) = self._acknowledged, struct.unpack_from("Q", info, _ACKNOWLEDGED)
        waiting = struct.unpack_from("I", info, _UNACKED)[0] + struct.unpack_from("I", info, _NOT_SENT)[0]
        return self._acknowledged != before or not (waiting or self._transport.get_write_buffer_size())

    def abort(self) -> None:
        """Ends the connection without what is still buffered."""
        self._transport.abort()
