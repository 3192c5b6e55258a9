"""Who is connected, and carrying frames to each at its own pace, over whatever carries them."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from contracts.errors import LogUnavailableError
from query.live.frames import Frame, progress_frame
from query.live.requests import BadStreamRequestError, Message, StreamRequest
from query.live.stream import Stream
from query.live.tail import Tail
from runtime.log.client import JetStreamApiError, LogClient

ENDED = 1000
TRY_AGAIN_LATER = 1013
SHUTTING_DOWN = 3001
TOO_SLOW = 3008
BAD_REQUEST = 3501

STALLED = 20.0
"""Seconds one frame may wait for a client to take it."""
HEARTBEAT = 5.0
"""Seconds without a frame at most, whatever the client waits for and whether the log answers or not."""
LOOK = 1.0
"""Seconds between looks for stalled clients, and for those that a heartbeat is due to."""
LAST_CHANCE = 20.0
"""Seconds a client that stalled has to take what it was sent before, and then hear why it is closed."""
GOODBYE = 1.0
"""Seconds any other last word may take to leave."""

logger = logging.getLogger("tailrace.query")


class ClientGoneError(Exception):
    """The client has left."""


class Carrier(ABC):
    """One client's connection."""

    @abstractmethod
    async def send(self, frame: Frame) -> None:
        """Sends a frame; waits while the client takes nothing.

        Raises:
            ClientGoneError: it has left.
        """

    @abstractmethod
    async def listen(self, tell: Callable[[Message], None]) -> None:
        """Hears what the client says, until it has left.

        Raises:
            BadStreamRequestError: it says what can't be understood.
        """

    @abstractmethod
    async def close(self, code: int, reason: str) -> None:
        """Ends the connection with the last word."""


class LiveClients:
    """The open streams of this process."""

    def __init__(self, log: LogClient, tail: Tail) -> None:
        self.frames = 0
        """Frames sent since the start."""
        self.on_closed: Callable[[int], None] = lambda code: None
        """Is told the code of each stream that has ended; 0 where the client left by itself."""
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

    def stream(self, request: StreamRequest) -> Stream:
        """A stream that is not open yet; ``serve`` closes it."""
        return Stream(self._log, self._tail, request)

    async def serve(self, carrier: Carrier, stream: Stream, hello: Frame | None = None) -> None:
        """Serves one client until either side ends it. To be run in a task of its own.

        ``hello`` is what the stream has said when it was opened, if it was.
        """
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            code, reason = await self._feed(carrier, stream, hello)
            self.on_closed(code)
            if code:
                with suppress(ClientGoneError, TimeoutError):
                    async with asyncio.timeout(LAST_CHANCE if code == TOO_SLOW else GOODBYE):
                        await carrier.close(code, reason)
        finally:
            self._open.discard(task)
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await stream.close()

    async def _feed(self, carrier: Carrier, stream: Stream, hello: Frame | None) -> tuple[int, str]:
        """Sends frames until there is a reason to stop: a close code and a sentence, 0 for a client that left."""
        sender = _Sender(carrier, self)
        sending = asyncio.create_task(sender.run(stream, hello))
        listening = asyncio.create_task(carrier.listen(stream.tell))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = {sending, listening, stopping}
        try:
            done: set[asyncio.Task[Any]] = set()
            while not done and not sender.stalled:
                done, _ = await asyncio.wait(tasks, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                sender.keep_alive(stream)
        finally:
            tasks |= sender.beats
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if listening in done:
                listening.result()
                return 0, ""
            if sending in done:
                sending.result()
                return ENDED, "the end that was asked for"
        except ClientGoneError:
            return 0, ""
        except BadStreamRequestError as error:
            return BAD_REQUEST, str(error)
        except (LogUnavailableError, JetStreamApiError) as error:
            return TRY_AGAIN_LATER, str(error)
        if stopping in done:
            return SHUTTING_DOWN, "the service is shutting down: connect again with your last cursor"
        logger.info("a live client is closed: it took no frame for %g s", STALLED)
        return TOO_SLOW, "frames were not taken for too long: connect again with your last cursor"


class _Sender:
    """Sends frames one at a time: a client that doesn't take them costs one frame and the socket's buffer."""

    def __init__(self, carrier: Carrier, clients: LiveClients) -> None:
        self._carrier = carrier
        self._clients = clients
        self._clock = asyncio.get_running_loop().time
        self._since: float | None = None
        self._sent: float | None = None
        self._turn = asyncio.Lock()
        self.beats: set[asyncio.Task[None]] = set()
        """The heartbeat that is on its way."""

    @property
    def stalled(self) -> bool:
        """Whether the client has not taken a frame for ``STALLED`` seconds."""
        return self._since is not None and self._clock() - self._since > STALLED

    async def run(self, stream: Stream, hello: Frame | None) -> None:
        frame = hello or await stream.open()
        while True:
            await self._send(frame)
            if stream.ended:
                return
            # neither the ring nor a socket with room makes a task wait: here the others have their turn
            await asyncio.sleep(0)
            frame = await stream.next_frame()

    def keep_alive(self, stream: Stream) -> None:
        """Has the client know, once it has heard nothing for long, where it is and that the connection is no dead one.

        Not by the stream itself: that may be waiting for the log.
        """
        if self._since is None and self._is_silent:
            self.beats = {asyncio.create_task(self._beat(stream))}

    @property
    def _is_silent(self) -> bool:
        return self._sent is not None and self._clock() - self._sent >= HEARTBEAT - LOOK

    async def _beat(self, stream: Stream) -> None:
        async with self._turn:
            if self._is_silent:  # still
                await self._carry(progress_frame(stream.position))

    async def _send(self, frame: Frame) -> None:
        async with self._turn:  # behind a heartbeat that waits to be taken: positions don't go back
            await self._carry(frame)

    async def _carry(self, frame: Frame) -> None:
        self._since = self._clock()
        await self._carrier.send(frame)
        self._since, self._sent = None, self._clock()
        self._clients.frames += 1
