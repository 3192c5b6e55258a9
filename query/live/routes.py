"""The routes of ``/ws``, ``/sse`` and ``/asyncapi.json``, and their OpenAPI descriptions."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError

from contracts.cursors import Cursor
from contracts.errors import BadCursorError, LogUnavailableError
from query.live import sse
from query.live.asyncapi import CLOSING, READING, asyncapi_document
from query.live.requests import StreamRequest
from query.live.sending import TRY_AGAIN_LATER, LiveClients
from query.live.websocket import serve_websocket
from query.problems import documented
from runtime.problems import problem

FRAMES = """
Each message of the service is one JSON text frame:

```
{"kind":"hello","epoch":…,"first":<cursor of the log's first entry>,"last":<of its last>,
 "cursor":<where this stream starts>}
{"kind":"events","cursor":<of the last event>,"events":[{"cursor":…,"logged_at":<when the log stored it>,"event_id":…,
    "event_type":…,"user_id":…,"created_at":<when it happened>,"event_data":{…}},…]}   1 to 256 events
{"kind":"caught_up","cursor":…}       once: every entry that existed at the start was sent
{"kind":"progress","cursor":…}        no other frame for some seconds
{"kind":"gap","asked":<cursor>,"resumed_at":<cursor>,"reason":…}
{"kind":"end","cursor":…}             `until` is reached
```

`first` and `last` are null if the log is empty. An event has the current shape of its type, whatever version its sender
used; `event_version` names the shape if it is not 1. The schema of each frame: [asyncapi](asyncapi).
"""

WS = f"""
A WebSocket. {FRAMES}{READING}
The client can send messages, each one JSON text frame:

```
{{"kind":"pause"}}    {{"kind":"resume"}}
{{"kind":"seek","from":"-5m","until":"-1m","speed":10,"clock":"log"}}   only `from` is required; ends a pause
{{"kind":"filter","event_type":["checkout.*"],"user_id":5}}           an omitted member selects everything
```

Each is answered by a state, which applies to every later frame:

```
{{"kind":"state","cursor":…,"paused":false,"until":null,"event_type":["checkout.*"],"user_id":5,"speed":"max",
 "clock":"log","batch":256}}
```

{CLOSING}
"""

SSE = f"""
The same stream as `/ws`, as server-sent events: `id` is the cursor to resume from, `data` a frame. {FRAMES}{READING}
A browser's `EventSource` reconnects by itself, with `Last-Event-ID`, which takes precedence over `from`. Once `until`
is reached, the answer is 204, which stops it. A 503 would stop it too: while the log does not answer, a client that
accepts `text/event-stream` by name, as `EventSource` does, receives a stream that ends after a comment with the
reason.
"""

LAST_EVENT_ID = "The `id` of the last event, sent by browsers on reconnect; takes precedence over `from`."
_EVENT_STREAM: dict[str, Any] = {
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": sse.EXAMPLE}}
}


def live_routes(clients: LiveClients) -> APIRouter:
    """Returns the routes of the streams and of their AsyncAPI document."""
    router = APIRouter(tags=["live"])
    document = asyncapi_document()

    @router.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await serve_websocket(websocket, clients)

    @router.get(
        "/ws",
        summary="The log from any position, then live (WebSocket)",
        description=WS,
        status_code=101,
        responses=documented(422, 426),
    )
    async def no_socket(request: Annotated[StreamRequest, Query()]) -> Response:
        return problem(426, "Upgrade required", "/ws is a WebSocket", headers={"Upgrade": "websocket"})

    @router.get(
        "/sse",
        summary="The log from any position, then live (server-sent events)",
        description=SSE,
        response_class=Response,
        responses={**documented(422, 503), 200: _EVENT_STREAM, 204: {"description": "`until` is reached."}},
    )
    async def event_stream(
        http_request: Request,
        request: Annotated[StreamRequest, Query()],
        last_event_id: Annotated[str | None, Header(description=LAST_EVENT_ID)] = None,
    ) -> Response:
        if last_event_id:
            request = _resumed(last_event_id, request)
        stream = clients.stream(request)
        try:
            hello = await stream.open()
        except BaseException as error:
            await stream.close()
            if isinstance(error, LogUnavailableError) and sse.names_event_stream(http_request):
                clients.on_closed(TRY_AGAIN_LATER)
                return sse.refusing_stream(TRY_AGAIN_LATER, str(error))
            raise
        if last_event_id and stream.is_over:
            await stream.close()
            return Response(status_code=204)
        return sse.EventStream(clients, stream, hello)

    @router.get("/asyncapi.json", include_in_schema=False)
    async def asyncapi(request: Request) -> Response:
        # the service has the address at which its client reached it
        server = {"host": request.url.netloc, "protocol": "wss" if request.url.scheme == "https" else "ws"}
        described = {**document, "servers": {"query": server}}
        return Response(msgspec.json.encode(described), media_type="application/json")

    return router


def _resumed(last_event_id: str, request: StreamRequest) -> StreamRequest:
    try:
        Cursor.parse(last_event_id)
    except BadCursorError as error:
        found = {"type": "value_error", "loc": ("header", "Last-Event-ID"), "msg": str(error), "input": last_event_id}
        raise RequestValidationError([found]) from None
    return request.model_copy(update={"start": last_event_id})
