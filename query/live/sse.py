"""``/sse``: the same frames as server-sent events, for ``curl`` and ``EventSource``."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from query.live.frames import Frame
from query.live.requests import Message
from query.live.sending import Carrier, ClientGoneError, LiveClients
from query.live.stream import Stream
from query.parameters import cursor_text

RETRY = 1000
"""Milliseconds after which a browser connects again."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects answers would hold back events
]
_BEGIN = f"retry: {RETRY}\n\n"


def asks_as_browser(request: Request) -> bool:
    """Whether ``text/event-stream`` is accepted by name: an ``EventSource`` asks so, and others who know what it is."""
    accepted = ",".join(request.headers.getlist("accept")).lower().split(",")
    return any(kind.partition(";")[0].strip() == "text/event-stream" for kind in accepted)


def come_again(code: int, reason: str) -> Response:
    """A stream that ends at once, with the reason: to an ``EventSource`` any status but 200 is final."""
    answer = Response(_BEGIN + _last_word(code, reason))
    answer.raw_headers = [*_HEADERS, (b"content-length", str(len(answer.body)).encode())]
    return answer


class EventStream(Response):
    """The answer to ``GET /sse``, of a stream that was opened and has said ``hello``."""

    def __init__(self, clients: LiveClients, stream: Stream, hello: Frame) -> None:
        super().__init__()
        self._clients = clients
        self._stream = stream
        self._hello = hello

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the client until either side ends it."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send(_body(_BEGIN))
        except OSError:
            return await self._stream.close()
        return await self._clients.serve(EventStreamCarrier(receive, send), self._stream, self._hello)


class EventStreamCarrier(Carrier):
    """A client of ``/sse``: each frame is one event, whose id is the position behind it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def send(self, frame: Frame) -> None:
        """See ``Carrier.send``."""
        await self._send_text(f"id: {cursor_text(frame.position)}\ndata: {frame.text}\n\n")

    async def listen(self, tell: Callable[[Message], None]) -> None:
        """See ``Carrier.listen``; this client says nothing."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def close(self, code: int, reason: str) -> None:
        """See ``Carrier.close``: the last word is a comment, which people see and browsers pass over."""
        await self._send_text(_last_word(code, reason), more=False)

    async def _send_text(self, text: str, *, more: bool = True) -> None:
        try:
            await self._send(_body(text, more=more))
        except OSError:
            raise ClientGoneError from None


def _last_word(code: int, reason: str) -> str:
    return f": {code} {' '.join(reason.splitlines())}\n\n"


def _body(text: str, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
