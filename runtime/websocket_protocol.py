"""WebSockets as uvicorn serves them, with a short cut for frames that are encoded once for many clients."""

from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

WRITE = "tailrace.websocket.write"
"""The ASGI extension (in ``scope["extensions"]``) with the ``Write`` of a connection."""

Write = Callable[[bytes], bool]
"""Writes an encoded frame; returns False, and writes nothing, if the client is not ready to receive it."""


def encode_text(payload: bytes) -> bytes:
    """Returns UTF-8 text as an unmasked, uncompressed frame of a server."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class WritingProtocol(WebSocketsSansIOProtocol):
    """Adds the extension ``WRITE`` to each connection. It needs ``ws_per_message_deflate=False``."""

    def handle_connect(self, event: Request) -> None:
        """See uvicorn."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[WRITE] = self._write

    def _write(self, frame: bytes) -> bool:
        is_ready = self.handshake_complete and self.writable.is_set() and not (self.close_sent or self.disconnected)
        if not is_ready or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True
