"""``/ws``: who is connected, and carrying frames to each at its own pace."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from tailrace.contracts.errors import BadCursorError, LogUnavailableError, TailraceError
from tailrace.query.live.frames import hello_text
from tailrace.query.live.places import Start, log_ends, parse_start, position_of
from tailrace.query.live.stream import Stream
from tailrace.query.live.tail import Tail
from tailrace.runtime.log.client import LogClient

SHUTTING_DOWN = 3001
TOO_SLOW = 3008
BAD_REQUEST = 3501
TRY_AGAIN_LATER = 1013

STALLED = 20.0
"""Seconds one frame may wait for a client to take it."""
LOOK = 1.0
"""Seconds between looks for stalled clients."""
LAST_CHANCE = 20.0
"""Seconds a client that stalled has to take what it was sent before, and then hear why it is closed."""
GOODBYE = 1.0
"""Seconds any other close frame may take to leave."""
_MAX_REASON = 123  # bytes: what RFC 6455 leaves of a control frame

logger = logging.getLogger("tailrace.query")


class BadStreamRequestError(TailraceError):
    """The client asked for what there isn't: tell it, so that it doesn't ask again."""


class LiveClients:
    """The open streams of this process."""

    def __init__(self, log: LogClient, tail: Tail) -> None:
        self._log = log
        self._tail = tail
        self._open: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    @property
    def count(self) -> int:
        """Clients that are being served."""
        return len(self._open)

    async def stop(self) -> None:
        """Tells every client that the service is shutting down, for at most ``GOODBYE`` seconds."""
        self._stopping.set()
        if self._open:
            await asyncio.wait(self._open, timeout=GOODBYE)

    async def serve(self, websocket: WebSocket) -> None:
        """Serves one client until either side ends it. To be run in a task of its own."""
        await websocket.accept()
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(websocket)
        finally:
            self._open.discard(task)

    async def _serve(self, websocket: WebSocket) -> None:
        try:
            start = _read_start(websocket)
            ends = await log_ends(self._log)
        except BadStreamRequestError as error:
            return await _close(websocket, BAD_REQUEST, str(error))
        except LogUnavailableError as error:
            return await _close(websocket, TRY_AGAIN_LATER, str(error))
        stream = Stream(self._log, self._tail, position_of(start, ends), ends.last_seq)
        try:
            await self._feed(websocket, stream, hello_text(ends))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await stream.close()

    async def _feed(self, websocket: WebSocket, stream: Stream, hello: str) -> None:
        sender = _Sender(websocket)
        sending = asyncio.create_task(sender.run(hello, stream))
        gone = asyncio.create_task(_until_gone(websocket))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = {sending, gone, stopping}
        try:
            done: set[asyncio.Task[Any]] = set()
            while not done and not sender.stalled:
                done, _ = await asyncio.wait(tasks, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if gone in done:
            return
        if sending in done:
            with suppress(WebSocketDisconnect):
                sending.result()
        elif stopping in done:
            await _close(websocket, SHUTTING_DOWN, "the service is shutting down: connect again with your last cursor")
        else:
            reason = "frames were not taken for too long: connect again with your last cursor"
            logger.info("a live client is closed: it took no frame for %g s", STALLED)
            await _close(websocket, TOO_SLOW, reason, patience=LAST_CHANCE)


class _Sender:
    """Sends frames one at a time: a client that doesn't take them costs one frame and the socket's buffer."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._clock = asyncio.get_running_loop().time
        self._since: float | None = None

    @property
    def stalled(self) -> bool:
        """Whether the client has not taken a frame for ``STALLED`` seconds."""
        return self._since is not None and self._clock() - self._since > STALLED

    async def run(self, hello: str, stream: Stream) -> None:
        text = hello
        while True:
            self._since = self._clock()
            await self._websocket.send_text(text)
            self._since = None
            # neither the ring nor a socket with room makes a task wait: here the others have their turn
            await asyncio.sleep(0)
            text = await stream.next_frame()


def _read_start(websocket: WebSocket) -> Start:
    wanted = websocket.query_params.multi_items()
    for name, _ in wanted:
        if name != "from":
            raise BadStreamRequestError(f"{name[:40]!r} is not a parameter of /ws: there is only 'from'")
    if len(wanted) > 1:
        raise BadStreamRequestError("'from' is given more than once")
    text = wanted[0][1] if wanted else "latest"
    try:
        return parse_start(text)
    except BadCursorError:
        raise BadStreamRequestError(f"from: {text[:40]!r} is neither 'latest' nor 'earliest' nor a cursor") from None


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass  # clients have nothing to say


async def _close(websocket: WebSocket, code: int, reason: str, *, patience: float = GOODBYE) -> None:
    with suppress(WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(patience):
            await websocket.close(code, reason.encode()[:_MAX_REASON].decode(errors="ignore"))
