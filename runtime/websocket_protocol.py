"""WebSockets as uvicorn serves them, with bounds for what a client sends, and a short cut for shared frames."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN

from runtime.budget import Budget
from runtime.connections import Connections
from runtime.peer import TRANSPORT
from runtime.settings import Settings

WRITE = "tailrace.websocket.write"
"""The ASGI extension (in ``scope["extensions"]``) with the ``Write`` of a connection."""
SLICE = 4096
"""Bytes that are parsed before their frames are counted."""
LINGER = 1.0
"""Seconds in which a refused client can read why."""

Write = Callable[[bytes], bool]
"""Writes an encoded frame; returns False, and writes nothing, if the client is not ready to receive it."""


def encode_text(payload: bytes) -> bytes:
    """Returns UTF-8 text as an unmasked, uncompressed frame of a server."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class WritingProtocol(WebSocketsSansIOProtocol):
    """Adds the extensions ``WRITE`` and ``TRANSPORT``, and closes clients that send too many frames.

    It needs ``ws_per_message_deflate=False``.
    """

    limits: Connections
    frames_per_second: float

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._budget = Budget(self.frames_per_second)
        self._is_refused = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self.limits.close(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        for start in range(0, len(data), SLICE):
            if self._is_refused or self.transport.is_closing():
                return
            super().data_received(data[start : start + SLICE])

    def handle_events(self) -> None:
        """Handles the frames that were parsed, unless they are too many."""
        if self._budget.spend(len(self.conn.events)):
            self._refuse(f"more than {self.frames_per_second:g} frames a second")
        else:
            super().handle_events()

    def handle_connect(self, event: Request) -> None:
        """See uvicorn."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[WRITE] = self._write
            extensions[TRANSPORT] = self.transport

    def _refuse(self, reason: str) -> None:
        self._is_refused = True
        if self.close_sent or self.conn.state is not OPEN:
            self.transport.abort()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.POLICY_VIOLATION, "reason": reason})
        self.conn.send_close(CloseCode.POLICY_VIOLATION, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # what arrives is read and dropped: closing with unread bytes resets the connection, and the reason is lost
        if self.read_paused:
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER, self.transport.abort)

    def _write(self, frame: bytes) -> bool:
        is_ready = self.handshake_complete and self.writable.is_set() and not (self.close_sent or self.disconnected)
        if not is_ready or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True


def writing_protocol(settings: Settings, limits: Connections) -> type[asyncio.Protocol]:
    """Returns the protocol with the bounds of the settings."""
    bounds = {"limits": limits, "frames_per_second": settings.max_frames_per_second}
    return type("WritingProtocol", (WritingProtocol,), bounds)
