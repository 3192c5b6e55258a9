"""``/ws``: frames over a WebSocket."""

from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from query.live.frames import Frame
from query.live.requests import BadStreamRequestError, Message, read_message, read_request
from query.live.sending import BAD_REQUEST, Carrier, ClientGoneError, LiveClients
from runtime.peer import TRANSPORT
from runtime.websocket_protocol import WRITE, Write

_MAX_REASON = 123
"""Bytes of a reason: the limit of a close frame (RFC 6455)."""


async def serve_websocket(websocket: WebSocket, clients: LiveClients) -> None:
    """Serves one client until either side closes the connection."""
    await websocket.accept()
    carrier = WebSocketCarrier(websocket)
    try:
        stream = clients.stream(read_request(websocket.query_params.multi_items()))
    except BadStreamRequestError as error:
        clients.on_closed(BAD_REQUEST)
        return await carrier.close(BAD_REQUEST, str(error))
    return await clients.serve(carrier, stream)


class WebSocketCarrier(Carrier):
    """A client of ``/ws``: each frame is one text message."""

    def __init__(self, websocket: WebSocket) -> None:
        extensions = websocket.scope["extensions"]
        super().__init__(extensions[TRANSPORT])
        self._websocket = websocket
        self._write: Write = extensions[WRITE]

    def send_now(self, frame: Frame) -> bool:
        """See ``Carrier.send_now``."""
        return self._write(frame.websocket)

    async def send(self, frame: Frame) -> None:
        """See ``Carrier.send``."""
        try:
            await self._websocket.send_text(frame.data.decode())
        except WebSocketDisconnect:
            raise ClientGoneError from None

    async def receive(self, on_message: Callable[[Message], None]) -> None:
        """See ``Carrier.receive``."""
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            on_message(read_message(message.get("text") or message.get("bytes") or ""))

    async def close(self, code: int, reason: str) -> None:
        """See ``Carrier.close``."""
        try:
            await self._websocket.close(code, reason.encode()[:_MAX_REASON].decode(errors="ignore"))
        except WebSocketDisconnect:
            raise ClientGoneError from None
