"""``/ws`` and ``/sse`` over HTTP, and their description for those who read OpenAPI."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError

from contracts.cursors import Cursor
from contracts.errors import BadCursorError, LogUnavailableError
from query.live.documents.asyncapi import CLOSING, READING
from query.live.documents.event_stream import EVENT_STREAM
from query.live.requests import StreamRequest
from query.live.sending import TRY_AGAIN_LATER, LiveClients
from query.live.sse import EventStream, asks_as_browser, come_again
from query.live.websocket import serve_websocket
from query.problems import documented
from runtime.problems import problem

FRAMES = """
Every message from here is one JSON text frame:

```
{"kind":"hello","epoch":…,"first":<cursor of the log's first entry>,"last":<of its last>,
 "cursor":<where this stream begins>}
{"kind":"events","cursor":<of the last>,"events":[{"cursor":…,"logged_at":<when the log took it>,"event_id":…,
    "event_type":…,"user_id":…,"created_at":<when it happened>,"event_data":{…}},…]}   1 to 256 events
{"kind":"caught_up","cursor":…}       once: everything that was there when you connected has been sent
{"kind":"progress","cursor":…}        nothing else for some seconds
{"kind":"gap","asked":<cursor>,"resumed_at":<cursor>,"reason":…}
{"kind":"end","cursor":…}             `until` is reached
```

`first` and `last` are null while the log is empty. An event comes in the current shape of its type, whatever version
it was sent in; `event_version` says which that is where it is not 1. The schema of each frame: [asyncapi](asyncapi).
"""

WS = f"""
A WebSocket. {FRAMES}{READING}
You may say, each as one JSON text message:

```
{{"kind":"pause"}}    {{"kind":"resume"}}
{{"kind":"seek","from":"-5m","until":"-1m","speed":10,"clock":"log"}}   `from` alone has to be there; ends a pause
{{"kind":"filter","event_type":["checkout.*"],"user_id":5}}           what is left out is not filtered by
```

Each is answered, and every frame behind the answer is as it says:

```
{{"kind":"state","cursor":…,"paused":false,"until":null,"event_type":["checkout.*"],"user_id":5,"speed":"max",
 "clock":"log","batch":256}}
```

{CLOSING}
"""

SSE = f"""
The same stream as `/ws`, as server-sent events: `id` is the cursor to go on from, `data` a frame. {FRAMES}{READING}
A browser's `EventSource` connects again by itself, with `Last-Event-ID`, which goes before `from`; once `until` is
reached it is answered 204, which ends it. It would give up for ever where it is answered 503; so while the log does not
answer, whoever accepts `text/event-stream` by name, as it does, gets a stream that says so in a comment and ends.
"""

LAST = "The `id` of the last event that came, which a browser sends by itself; goes before `from`."
_EVENT_STREAM: dict[str, Any] = {
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EVENT_STREAM}}
}


def live_routes(clients: LiveClients) -> APIRouter:
    """The socket, the same path for plain HTTP, and the event stream."""
    router = APIRouter(tags=["live"])

    @router.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await serve_websocket(websocket, clients)

    @router.get(
        "/ws",
        summary="The log, from anywhere, then live: a WebSocket",
        description=WS,
        status_code=101,
        responses=documented(422, 426),
    )
    async def no_socket(request: Annotated[StreamRequest, Query()]) -> Response:
        return problem(426, "Upgrade required", "/ws is a WebSocket", headers={"Upgrade": "websocket"})

    @router.get(
        "/sse",
        summary="The same as server-sent events",
        description=SSE,
        response_class=Response,
        responses={**documented(422, 503), 200: _EVENT_STREAM, 204: {"description": "`until` is reached."}},
    )
    async def event_stream(
        asking: Request,
        request: Annotated[StreamRequest, Query()],
        last_event_id: Annotated[str | None, Header(description=LAST)] = None,
    ) -> Response:
        if last_event_id:
            request = _from(last_event_id, request)
        stream = clients.stream(request)
        try:
            hello = await stream.open()
        except BaseException as error:
            await stream.close()
            if isinstance(error, LogUnavailableError) and asks_as_browser(asking):
                clients.on_closed(TRY_AGAIN_LATER)
                return come_again(TRY_AGAIN_LATER, str(error))
            raise
        if last_event_id and stream.is_over:
            await stream.close()
            return Response(status_code=204)
        return EventStream(clients, stream, hello)

    return router


def _from(last_event_id: str, request: StreamRequest) -> StreamRequest:
    try:
        Cursor.parse(last_event_id)
    except BadCursorError as error:
        found = {"type": "value_error", "loc": ("header", "Last-Event-ID"), "msg": str(error), "input": last_event_id}
        raise RequestValidationError([found]) from None
    return request.model_copy(update={"start": last_event_id})
