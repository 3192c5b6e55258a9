"""``/sse``: the same frames as server-sent events, for ``curl`` and ``EventSource``."""

from asyncio import Transport
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from query.live.frames import EXAMPLES, CaughtUpFrame, EventsFrame, Frame, HelloFrame
from query.live.requests import Message
from query.live.sending import Carrier, ClientGoneError, LiveClients
from query.live.stream import Stream
from query.parameters import cursor_text
from runtime.peer import TRANSPORT

RETRY = 1000
"""Milliseconds after which a browser reconnects."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that buffers responses would delay events
]
_START = b"retry: %d\n\n" % RETRY


def names_event_stream(request: Request) -> bool:
    """Returns whether the request accepts ``text/event-stream`` by name, as an ``EventSource`` does."""
    accepted = ",".join(request.headers.getlist("accept")).lower().split(",")
    return any(kind.partition(";")[0].strip() == "text/event-stream" for kind in accepted)


def refusing_stream(code: int, reason: str) -> Response:
    """Returns a stream that ends at once with a reason: an ``EventSource`` gives up after any status but 200."""
    answer = Response(_START + _comment(code, reason))
    answer.raw_headers = [*_HEADERS, (b"content-length", str(len(answer.body)).encode())]
    return answer


class EventStream(Response):
    """The answer to ``GET /sse`` of an open stream, whose first frame is ``hello``."""

    def __init__(self, clients: LiveClients, stream: Stream, hello: Frame) -> None:
        super().__init__()
        self._clients = clients
        self._stream = stream
        self._hello = hello

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the client until either side closes the connection."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send(_body(_START))
        except OSError:
            return await self._stream.close()
        carrier = EventStreamCarrier(scope["extensions"][TRANSPORT], receive, send)
        return await self._clients.serve(carrier, self._stream, self._hello)


class EventStreamCarrier(Carrier):
    """A client of ``/sse``: each frame is one event, whose id is the position after it."""

    def __init__(self, transport: Transport, receive: Receive, send: Send) -> None:
        super().__init__(transport)
        self._receive = receive
        self._send = send

    async def send(self, frame: Frame) -> None:
        """See ``Carrier.send``."""
        await self._send_body(_event(cursor_text(frame.position), frame.data))

    async def receive(self, on_message: Callable[[Message], None]) -> None:
        """See ``Carrier.receive``; this client sends no messages."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def close(self, code: int, reason: str) -> None:
        """See ``Carrier.close``: the reason is a comment, which browsers ignore."""
        await self._send_body(_comment(code, reason), more=False)

    async def _send_body(self, content: bytes, *, more: bool = True) -> None:
        try:
            await self._send(_body(content, more=more))
        except OSError:
            raise ClientGoneError from None


def _event(event_id: str, data: bytes) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (event_id.encode(), data)


def _comment(code: int, reason: str) -> bytes:
    return f": {code} {' '.join(reason.splitlines())}\n\n".encode()


def _body(content: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


_FRAMES = [EXAMPLES[kind][0] for kind in (HelloFrame, EventsFrame, CaughtUpFrame)]
EXAMPLE = (_START + b"".join(_event(one["cursor"], msgspec.json.encode(one)) for one in _FRAMES)).decode()
"""An example of a stream, for the documents."""
