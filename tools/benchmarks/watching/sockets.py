"""A WebSocket client that costs little: thousands of frames a second for each of hundreds of clients in one process.

What is sent, and the handshake, are the library's (``websockets``). What arrives is split into frames here, and nothing
else is done to it: a server's frames are not masked, and these are not compressed and not cut into fragments.
"""

import asyncio
import time
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.uri import WebSocketURI

_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89  # each with the bit of the last fragment, which is the only one
_TWO_BYTES, _EIGHT_BYTES = 126, 127  # lengths that announce a longer length


class Socket(asyncio.Protocol):
    """One client; what it does with its frames is a subclass's."""

    def __init__(self, uri: WebSocketURI) -> None:
        self.lost = False
        """Whether the connection has ended."""
        self._outgoing = ClientProtocol(uri)
        self._buffer = bytearray()
        self._reason = "the service broke it off"
        self._transport: asyncio.Transport | None = None

    def on_text(self, payload: bytes, arrived: int) -> None:
        """Takes a text frame that arrived at ``time.monotonic_ns()``."""
        raise NotImplementedError

    def on_end(self, reason: str) -> None:
        """The connection has ended, or was never open."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._outgoing.send_request(self._outgoing.connect())
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        """Notes it."""
        self.lost = True
        self.on_end(str(exc or self._reason))

    def data_received(self, data: bytes) -> None:
        """Splits what there is into frames."""
        arrived = time.monotonic_ns()
        buffer = self._buffer
        buffer += data
        at = 0 if self._outgoing.state is State.OPEN else self._answered(buffer)
        while at >= 0 and (frame := _frame(buffer, at)) is not None:
            kind, start, end = frame
            payload = bytes(buffer[start:end])
            if kind == _TEXT:
                self.on_text(payload, arrived)
            elif kind == _PING:
                self._outgoing.send_pong(payload)
                self._write()
            elif kind == _CLOSE:
                self._reason = f"closed with {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}".strip()
                self._outgoing.send_close(CloseCode.NORMAL_CLOSURE)
                self._write()
            at = end
        if at > 0:
            del buffer[:at]

    def say(self, text: str) -> None:
        """Sends a text frame."""
        self._outgoing.send_text(text.encode())
        self._write()

    def stop_reading(self) -> None:
        """From here on nothing is taken, not even a ping."""
        if self._transport is not None:
            self._transport.pause_reading()

    def leave(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _answered(self, buffer: bytearray) -> int:
        """Where the frames begin; -1 while the upgrade is not answered."""
        head = buffer.find(b"\r\n\r\n") + 4
        if head < 4:
            return -1
        self._outgoing.receive_data(bytes(buffer[:head]))
        if self._outgoing.state is not State.OPEN:
            self._reason = f"refused with {bytes(buffer).splitlines()[0].decode()}"
            self.leave()
            return -1
        return head

    def _write(self) -> None:
        assert self._transport is not None
        self._transport.write(b"".join(self._outgoing.data_to_send()))


def _frame(buffer: bytearray, at: int) -> tuple[int, int, int] | None:
    """The first byte of the frame at ``at``, and where its payload begins and ends; None if it is not all there."""
    there = len(buffer)
    if there < at + 2:
        return None
    length, start = buffer[at + 1], at + 2
    if length >= _TWO_BYTES:
        size = 2 if length == _TWO_BYTES else 8
        start += size
        if there < start:
            return None
        length = int.from_bytes(buffer[start - size : start], "big")
    end = start + length
    return (buffer[at], start, end) if end <= there else None
