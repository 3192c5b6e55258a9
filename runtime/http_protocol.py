"""HTTP/1.1 as uvicorn speaks it, with fewer system calls."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_JOINED = 64 * 1024
"""Bytes that wait for the end of a turn of the event loop at most."""


class OneWriteProtocol(HttpToolsProtocol):
    """Writes the head of an answer, its body, and pipelined answers behind it together: a system call for all."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop."""
        super().connection_made(_JoiningTransport(transport, self.loop))  # type: ignore[arg-type]

    def handle_websocket_upgrade(self) -> None:
        """Gives the WebSocket the transport itself: it writes each frame at once."""
        assert isinstance(self.transport, _JoiningTransport)
        self.transport = self.transport.transport
        super().handle_websocket_upgrade()


class _JoiningTransport:
    """Holds back what is written until the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_JOINED:
            self._flush()

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def _flush(self) -> None:
        if self._parts:
            self.transport.write(b"".join(self._parts))
            self._parts.clear()
            self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)
