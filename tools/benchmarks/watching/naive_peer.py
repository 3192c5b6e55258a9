"""The fan-out of most tutorials, to compare with: ``send_json`` of every event to every client, one after the other.

``python -m tools.benchmarks.watching.naive_peer KEEP`` serves ``/ws`` on the query service's port, with the
same server and the same settings of it. It hears events straight from NATS, before the log has stored them, promises
nothing, and waits for each client in turn. To a client that says something it sends the latest ``KEEP`` events again.
"""

import json
import sys
from collections import deque
from contextlib import suppress
from typing import Any

import nats
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from nats.aio.msg import Msg

from contracts.subjects import EVENTS
from runtime.access.guard import Rules
from runtime.log.client import close_connection
from runtime.serving import serve_http
from runtime.settings import Settings, load_settings
from tailrace.cli.options import run_to_end

CAUGHT_UP = {"kind": "caught_up"}


class Room:
    """Who is connected, and what was sent lately."""

    def __init__(self, keep: int) -> None:
        self._clients: set[WebSocket] = set()
        self._latest: deque[Any] = deque(maxlen=keep)

    async def serve(self, websocket: WebSocket) -> None:
        """One client, until it leaves."""
        await websocket.accept()
        self._clients.add(websocket)
        try:
            await websocket.send_json(CAUGHT_UP)
            while True:
                await websocket.receive_text()
                for event in list(self._latest):
                    await websocket.send_json(event)
                await websocket.send_json(CAUGHT_UP)
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.discard(websocket)

    async def broadcast(self, message: Msg) -> None:
        """Sends an event to everybody."""
        event = json.loads(message.data)
        self._latest.append(event)
        for client in list(self._clients):
            with suppress(WebSocketDisconnect, RuntimeError):  # it has left
                await client.send_json(event)


def make_app(room: Room) -> FastAPI:
    """The app."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"log": "ok"}

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await room.serve(websocket)

    return app


async def serve(settings: Settings, keep: int) -> None:
    """Fans out until SIGTERM."""
    room = Room(keep)
    connection = await nats.connect(settings.nats_url)
    try:
        await connection.subscribe(EVENTS, cb=room.broadcast)
        await connection.flush()
        await serve_http(make_app(room), settings=settings, port=settings.query_port, rules=Rules("read"), log=None)
    finally:
        await close_connection(connection)


if __name__ == "__main__":
    run_to_end(serve(load_settings(), int(sys.argv[1])))
