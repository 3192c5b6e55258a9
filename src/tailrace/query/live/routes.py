"""``/ws`` over HTTP: the socket, and its description for those who read OpenAPI."""

from fastapi import APIRouter, WebSocket
from starlette.responses import Response

from tailrace.query.live.websocket import LiveClients
from tailrace.query.problems import documented
from tailrace.runtime.problems import problem

DESCRIPTION = """
A WebSocket. `from` says where to begin: `latest` (the default: only what comes from now on), `earliest`, or a cursor
(what follows it). Every message from here is one JSON text frame:

```
{"kind":"hello","epoch":…,"first":<cursor of the log's first entry>,"last":<of its last>}          null: it is empty
{"kind":"events","cursor":<of the last>,"events":[{"cursor":…,"event_id":…,"event_type":…,"user_id":…,
                                                    "created_at":…,"event_data":{…}},…]}          1 to 256 events
{"kind":"caught_up","cursor":…}       once: everything that was there when you connected has been sent
{"kind":"progress","cursor":…}        nothing new for about 15 s
{"kind":"gap","asked":<cursor>,"resumed_at":<cursor>,"reason":…}
```

An event comes in the current shape of its type, whatever version it was sent in; `event_version` says which that is
where it is not 1. Every entry of the log comes once, in the log's order. Where that can't be, a `gap` says so: between
`asked` and `resumed_at` something is not an event or is gone, or the log is another one than the cursor's and is sent
from its beginning. Keep the `cursor` (after a gap: `resumed_at`) of the last frame, and connect again with it: nothing
is lost, nothing comes twice. An `event_id` may be in two entries if its sender repeated it much later; `/stats` counts
it once.

Close codes: 3001 the service is shutting down, 3008 frames were not taken for 20 s, 1013 the log does not answer
(in these cases connect again with the last cursor); 3501 a bad request (don't repeat it).
"""


def live_routes(clients: LiveClients) -> APIRouter:
    """The socket, and the same path for plain HTTP."""
    router = APIRouter(tags=["live"])

    @router.websocket("/ws")
    async def stream(websocket: WebSocket) -> None:
        await clients.serve(websocket)

    @router.get("/ws", description=DESCRIPTION, status_code=101, responses=documented(426))
    async def no_socket() -> Response:
        return problem(426, "Upgrade required", "/ws is a WebSocket", headers={"Upgrade": "websocket"})

    return router
