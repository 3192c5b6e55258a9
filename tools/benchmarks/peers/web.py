"""Web services to compare with: ``python -m tools.benchmarks.peers.web KIND PORT NATS_URL``.

``send_json`` is the fan-out of most tutorials: it sends every event to every client, one after the other, straight
from NATS, before the log has stored it. ``route`` decodes an event, publishes nothing, and answers.
"""

import json
import sys
from collections import deque
from contextlib import suppress
from typing import Any

import msgspec
import nats
import uvicorn
import uvloop
from nats.aio.msg import Msg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from contracts.events import IncomingEvent
from contracts.subjects import EVENTS

_decoder = msgspec.json.Decoder(IncomingEvent)
_clients: set[WebSocket] = set()
_latest: deque[Any] = deque(maxlen=100_000)


async def _accept(request: Request) -> Response:
    _decoder.decode(await request.body())
    return Response(b"{}", status_code=202)


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        for event in list(_latest) if websocket.query_params["from"] == "earliest" else []:
            await websocket.send_json(event)
        _clients.add(websocket)
        await websocket.send_text('{"kind":"caught_up"}')
        await websocket.receive_text()
    _clients.discard(websocket)


async def _broadcast(message: Msg) -> None:
    _latest.append(event := json.loads(message.data))
    for client in list(_clients):
        with suppress(WebSocketDisconnect, RuntimeError):
            await client.send_json(event)


async def _serve(kind: str, port: str, nats_url: str) -> None:
    if kind == "send_json":
        await (await nats.connect(nats_url)).subscribe(EVENTS, cb=_broadcast)
    routes = [Route("/events", _accept, methods=["POST"]), Route("/health", lambda request: Response())]
    app = Starlette(routes=[*routes, WebSocketRoute("/ws", _socket)])
    await uvicorn.Server(uvicorn.Config(app, port=int(port), access_log=False, log_level="warning")).serve()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
