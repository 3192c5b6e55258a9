"""Sends frames to connected clients, each at its own pace, over any transport."""

import asyncio
import logging
from abc import ABC, abstractmethod
from asyncio import Transport
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError
from contracts.users import no_user_key
from query.live.frames import Frame, ProgressFrame, position_frame
from query.live.requests import BadStreamRequestError, Message, StreamRequest
from query.live.stream import Stream
from query.live.tail import Tail
from query.parameters import Identify
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError
from runtime.peer import Peer

ENDED = 1000
TRY_AGAIN_LATER = 1013
SHUTTING_DOWN = 3001
TOO_SLOW = 3008
BAD_REQUEST = 3501

STALL_TIMEOUT = 20.0
"""Seconds in which a client may receive nothing of what was sent. One that reads, however slowly, is never closed."""
HEARTBEAT = 5.0
"""Most seconds without a frame, even while a stream waits or the log does not answer."""
CHECK_INTERVAL = 1.0
"""Seconds between checks for stalled clients and due heartbeats."""
STALLED_CLOSE_TIMEOUT = 20.0
"""Seconds a stalled client has to read what was sent before, and the reason of the close."""
CLOSE_TIMEOUT = 1.0
"""Seconds any other close may take."""

logger = logging.getLogger("tailrace.query")


class ClientGoneError(Exception):
    """The client has disconnected."""


class Carrier(ABC):
    """The connection to one client."""

    def __init__(self, transport: Transport) -> None:
        peer = Peer(transport)
        self.is_receiving: Callable[[], bool] = peer.is_receiving
        """Whether the client has received something since the last call, or everything that was sent."""
        self.abort: Callable[[], None] = peer.abort
        """Ends the connection at once."""

    def send_now(self, frame: Frame) -> bool:
        """Sends a frame if the client can receive it at once; otherwise returns False and sends nothing."""
        return False

    @abstractmethod
    async def send(self, frame: Frame) -> None:
        """Sends a frame; waits while the client does not read.

        Raises:
            ClientGoneError: the client has disconnected.
        """

    @abstractmethod
    async def receive(self, on_message: Callable[[Message], None]) -> None:
        """Passes on the client's messages until it disconnects.

        Raises:
            BadStreamRequestError: a message is invalid.
        """

    @abstractmethod
    async def close(self, code: int, reason: str) -> None:
        """Closes the connection with a code and a reason."""


class LiveClients:
    """The open streams of this process."""

    def __init__(self, log: LogClient, tail: Tail, identify: Identify = no_user_key) -> None:
        self.frames = 0
        """Frames sent since the start."""
        self.on_closed: Callable[[int], None] = lambda code: None
        """Receives the close code of each stream; 0 if the client disconnected."""
        self._log = log
        self._tail = tail
        self._identify = identify
        self._open: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    @property
    def count(self) -> int:
        """Connected clients."""
        return len(self._open)

    async def stop(self) -> None:
        """Closes every stream with ``SHUTTING_DOWN``, within ``CLOSE_TIMEOUT`` seconds."""
        self._stopping.set()
        if self._open:
            await asyncio.wait(self._open, timeout=CLOSE_TIMEOUT)

    def stream(self, request: StreamRequest) -> Stream:
        """Returns a stream that is not open yet; ``serve`` closes it.

        Raises:
            BadStreamRequestError: the user is a string, and the key of user ids is not known.
        """
        return Stream(self._log, self._tail, request, self._identify)

    async def serve(self, carrier: Carrier, stream: Stream, hello: Frame | None = None) -> None:
        """Serves one client until either side closes the connection. Needs its own task.

        ``hello`` is the first frame, if the stream is open already.
        """
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            code, reason = await self._feed(carrier, stream, hello)
            self.on_closed(code)
            if code:
                await _close(carrier, code, reason)
        finally:
            self._open.discard(task)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await stream.close()

    async def _feed(self, carrier: Carrier, stream: Stream, hello: Frame | None) -> tuple[int, str]:
        """Sends frames until the stream must close; returns the close code and reason, 0 if the client is gone."""
        sender = _Sender(carrier, self)
        sending = asyncio.create_task(sender.run(stream, hello))
        receiving = asyncio.create_task(carrier.receive(stream.receive))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = {sending, receiving, stopping}
        try:
            done: set[asyncio.Task[Any]] = set()
            while not done and not sender.has_stalled:
                done, _ = await asyncio.wait(tasks, timeout=CHECK_INTERVAL, return_when=asyncio.FIRST_COMPLETED)
                sender.keep_alive(stream)
        finally:
            tasks |= sender.heartbeats
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if receiving in done:
                receiving.result()
                return 0, ""
            if sending in done:
                sending.result()
                return ENDED, "the requested end is reached"
        except ClientGoneError:
            return 0, ""
        except BadStreamRequestError as error:
            return BAD_REQUEST, str(error)
        except (LogUnavailableError, JetStreamApiError) as error:
            return TRY_AGAIN_LATER, str(error)
        if stopping in done:
            return SHUTTING_DOWN, "the service is shutting down: reconnect with your last cursor"
        logger.info("closed a live client that read nothing for %g s", STALL_TIMEOUT)
        return TOO_SLOW, f"the client did not read for {STALL_TIMEOUT:g} s: reconnect with from={sender.position}"


async def _close(carrier: Carrier, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(STALLED_CLOSE_TIMEOUT if code == TOO_SLOW else CLOSE_TIMEOUT):
            await carrier.close(code, reason)
    except ClientGoneError:
        return
    except TimeoutError:
        carrier.abort()
        await asyncio.sleep(0)  # the transport reports its end in the next turn


class _Sender:
    """Sends one frame at a time: a client that does not read costs one frame and the socket's buffer."""

    def __init__(self, carrier: Carrier, clients: LiveClients) -> None:
        self._carrier = carrier
        self._clients = clients
        self._clock = asyncio.get_running_loop().time
        self.position: Cursor | None = None
        """The position after the last frame that was sent."""
        self._is_sending = False
        self._receiving_at = self._clock()
        self._last_sent: float | None = None
        self._turn = asyncio.Lock()
        self.heartbeats: set[asyncio.Task[None]] = set()
        """The heartbeat that is being sent."""

    @property
    def has_stalled(self) -> bool:
        """Whether the client has received nothing for ``STALL_TIMEOUT`` seconds, although something was sent."""
        return self._clock() - self._receiving_at > STALL_TIMEOUT

    async def run(self, stream: Stream, hello: Frame | None) -> None:
        stream.send_now = self._send_now
        frame = hello or await stream.open()
        while True:
            await self._send(frame)
            if stream.has_ended:
                return
            # neither the ring nor a writable socket suspends a task: this gives other clients their turn
            await asyncio.sleep(0)
            frame = await stream.next_frame()

    def keep_alive(self, stream: Stream) -> None:
        """Notes whether the client receives, and starts a heartbeat if nothing was sent for too long.

        The stream itself cannot send it: it may be waiting for the log.
        """
        if self._carrier.is_receiving():
            self._receiving_at = self._clock()
        if not self._is_sending and self._is_silent:
            self.heartbeats = {asyncio.create_task(self._send_heartbeat(stream))}

    @property
    def _is_silent(self) -> bool:
        return self._last_sent is not None and self._clock() - self._last_sent >= HEARTBEAT - CHECK_INTERVAL

    async def _send_heartbeat(self, stream: Stream) -> None:
        async with self._turn:
            if self._is_silent:  # still
                await self._carry(position_frame(ProgressFrame, stream.position))

    async def _send(self, frame: Frame) -> None:
        async with self._turn:  # after a heartbeat that is being sent, so that positions never go back
            await self._carry(frame)

    async def _carry(self, frame: Frame) -> None:
        if self._send_at_once(frame):
            return
        self._is_sending = True
        await self._carrier.send(frame)
        self._is_sending = False
        self._note_sent(frame)

    def _send_now(self, frame: Frame) -> bool:
        return not self._turn.locked() and self._send_at_once(frame)

    def _send_at_once(self, frame: Frame) -> bool:
        if not self._carrier.send_now(frame):
            return False
        self._note_sent(frame)
        return True

    def _note_sent(self, frame: Frame) -> None:
        self.position, self._last_sent = frame.position, self._clock()
        self._clients.frames += 1
