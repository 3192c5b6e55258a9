"""uvicorn's HTTP/1.1 with bounds for a request's head, and with fewer system calls."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime.connections import SPARE_TIMEOUT, TOO_MANY, Connections, OnlyHealth
from runtime.peer import TRANSPORT
from runtime.problems import problem
from runtime.settings import Settings

MAX_JOINED = 64 * 1024
"""Bytes that wait for the end of a turn of the event loop at most."""


class BoundedProtocol(HttpToolsProtocol):
    """Bounds the time in which a request arrives and the size of its head, and joins writes.

    The head of an answer, its body, and pipelined answers behind it take one system call.
    """

    max_header_bytes = 32 * 1024
    timeouts: Mapping[str, float] = {"head": 10.0, "body": 30.0}
    limits: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop."""
        super().connection_made(_JoiningTransport(transport, self.loop))  # type: ignore[arg-type]
        self._extensions = {TRANSPORT: transport}
        self._is_spare = not self.limits.open(transport)
        if self._is_spare:
            self.app = OnlyHealth(self.app)
            self.timeouts = {name: min(timeout, SPARE_TIMEOUT) for name, timeout in self.timeouts.items()}
        self._arriving: str | None = "head"
        self._requests = self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._stop_timer()
        self.limits.close(self.transport.transport)  # type: ignore[attr-defined]
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of a request."""
        self._arriving, self._head_bytes = "head", 0
        self._requests += 1
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        """Called by the parser behind the last header."""
        self._arriving = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called by the parser behind the last byte of a request."""
        self._arriving = None
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        before = self._arriving, self._requests
        super().data_received(data)
        if self._arriving is None:
            self._stop_timer()
        elif before != (self._arriving, self._requests):
            self._stop_timer()
            self._start_timer()
        elif self._arriving == "head":
            self._head_bytes += len(data)
            if self._head_bytes > self.max_header_bytes:
                detail = f"the head of the request has more than {self.max_header_bytes:,} bytes"
                self._refuse(431, "Request Header Fields Too Large", detail)

    def send_400_response(self, msg: str) -> None:
        """Answers a request that is not HTTP."""
        self._refuse(400, "Bad Request", msg.removesuffix("."))

    def handle_websocket_upgrade(self) -> None:
        """Gives the WebSocket the transport itself: it writes each frame at once."""
        if self._is_spare:
            self._refuse(503, "Too many connections", TOO_MANY)
            return
        self._arriving = None
        self._stop_timer()
        assert isinstance(self.transport, _JoiningTransport)
        self.transport = self.transport.transport
        super().handle_websocket_upgrade()

    def _start_timer(self) -> None:
        if self._arriving is not None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.timeouts[self._arriving], self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        assert self._arriving is not None
        if self.pipeline or (answering and self._arriving == "head"):
            self._start_timer()  # the service reads no further before it has answered the requests before this one
        else:
            detail = f"the {self._arriving} of the request did not arrive within {self.timeouts[self._arriving]:g} s"
            self._refuse(408, "Request Timeout", detail)

    def _refuse(self, status: int, title: str, detail: str) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.cycle is None or self._arriving == "head" or not self.cycle.response_started:
            answer = problem(status, title, detail, headers={"connection": "close"})
            head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
            self.transport.write(f"HTTP/1.1 {status} {title}\r\n".encode() + head + b"\r\n" + bytes(answer.body))
        self.transport.close()


def bounded_protocol(settings: Settings, limits: Connections) -> type[BoundedProtocol]:
    """Returns the protocol with the bounds of the settings."""
    timeouts = {"head": settings.header_timeout, "body": settings.body_timeout}
    bounds = {"timeouts": timeouts, "max_header_bytes": settings.max_header_bytes, "limits": limits}
    return type("BoundedProtocol", (BoundedProtocol,), bounds)


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
            if not self.transport.is_closing():  # the client may have left in the same turn
                self.transport.write(b"".join(self._parts))
            self._parts.clear()
            self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class RepeatedWarnings(logging.Filter):
    """Passes each warning once per ``interval`` seconds, and says how many it held back."""

    def __init__(self, interval: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval = interval
        self._clock = clock
        self._logged: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether the record is logged."""
        if record.levelno != logging.WARNING:
            return True
        now = self._clock()
        since, held = self._logged.get(record.msg, (-math.inf, 0))
        if now - since < self._interval:
            self._logged[record.msg] = since, held + 1
            return False
        self._logged[record.msg] = now, 0
        if held:
            record.msg = f"{record.msg} ({held:,} more like this since the last such line)"
        return True


_repeated = RepeatedWarnings()


def limit_warnings() -> None:
    """Keeps clients that send garbage from filling the log."""
    logging.getLogger("uvicorn.error").addFilter(_repeated)
