"""One client's frames: from the ring where that continues its position, from the log itself elsewhere."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from query.live.backlog import Backlog
from query.live.frames import (
    Frame,
    Item,
    caught_up_frame,
    end_frame,
    entries_frame,
    gap_frame,
    hello_frame,
    state_frame,
)
from query.live.pacing import Pacer
from query.live.places import LogEnds, log_ends, parse_end, parse_start, position_of
from query.live.requests import (
    BadStreamRequestError,
    Filter,
    Message,
    Pause,
    Seek,
    StreamRequest,
)
from query.live.ring import Ring
from query.live.tail import Tail
from runtime.log.client import LogClient
from runtime.log.positions import verify_position

PAUSE = 0.5
"""Seconds between tries while the log does not answer."""
MAX_MESSAGES = 16
"""Messages of a client that may wait to be obeyed."""


class Stream:
    """Frames for one client. One task at a time asks for them.

    The client is fed by the ring whenever that continues its position, and by its own reader whenever it doesn't: while
    it reads history, is paced or ends somewhere, after it was too slow for the ring, and while the ring is of another
    history. Both count the log's sequence, so changing between them neither skips nor repeats.
    """

    def __init__(self, log: LogClient, tail: Tail, request: StreamRequest) -> None:
        self.position = Cursor("", 0)
        """What the client has been given, or what is not for it."""
        self.ended = False
        """Whether the end that the client asked for was reached: the frame that said so was the last."""
        self._log = log
        self._tail = tail
        self._request = request
        self._selection = request.selection
        self._until: Cursor | datetime | None = None
        self._pacer: Pacer | None = None
        self._paused = False
        self._messages: deque[Message] = deque()
        self._woken = asyncio.Event()
        self._history_end: int | None = 0
        self._ring: Ring | None = None
        self._verified = False
        self._broken: ForeignHistoryError | LostEntriesError | None = None
        self._backlog = Backlog(log, tail)
        tail.wake(self._woken)

    async def open(self) -> Frame:
        """Finds the place to begin and says hello.

        Raises:
            LogUnavailableError: the log does not answer.
            BadStreamRequestError: the end asked for is of another log.
        """
        ends = await log_ends(self._log)
        await self._begin(self._request, ends)
        return hello_frame(ends, self.position)

    @property
    def is_over(self) -> bool:
        """Whether the client has been given everything up to the end it asked for."""
        return isinstance(self._until, Cursor) and self.position.seq >= self._until.seq

    def tell(self, message: Message) -> None:
        """What the client says; it is obeyed, and answered by a frame, after what is on its way.

        Raises:
            BadStreamRequestError: it says too much at once.
        """
        if len(self._messages) >= MAX_MESSAGES:
            raise BadStreamRequestError(f"more than {MAX_MESSAGES} messages at once")
        self._messages.append(message)
        self._woken.set()

    async def next_frame(self) -> Frame:
        """Waits for the next frame, as long as that takes.

        Raises:
            BadStreamRequestError: the client said what can't be done.
        """
        while True:
            self._woken.clear()
            try:
                frame = await self._next()
            except (ForeignHistoryError, LostEntriesError) as error:
                self._broken = error
            except LogUnavailableError:
                await self._wait(PAUSE)
            else:
                if frame is not None:
                    return frame

    async def close(self) -> None:
        """Ends the reader."""
        self._tail.forget(self._woken)
        await self._backlog.stop_reading()

    async def _next(self) -> Frame | None:
        if self._messages:
            frame = await self._obey(self._messages[0])
            self._messages.popleft()
            return frame
        if self._paused:
            await self._idle()
            return None
        if self._broken is not None:
            return await self._step_over(self._broken)
        if isinstance(self._until, datetime) and datetime.now(UTC) >= self._until:
            self._until = await position_of(self._until, await log_ends(self._log), self._log)
        if self._backlog.items:
            return await self._from_backlog()
        self.position = self._backlog.reached(self.position)
        if self.is_over:
            return self._end()
        if self._history_end is not None and self.position.seq >= self._history_end and self._verified:
            return await self._catch_up()
        if not self._verified or self._tail.ring is not self._ring:
            ring = self._tail.ring
            await verify_position(self._log, self.position)
            self._verified, self._ring = True, ring
            return None
        if self._pacer is None and self._ring is not None and self._ring.continues(self.position):
            await self._backlog.stop_reading()
            return await self._from_ring(self._ring)
        await self._backlog.read(self.position, self._selection)
        return None

    async def _from_ring(self, ring: Ring) -> Frame | None:
        if ring.end.seq <= self.position.seq:
            await self._idle()
            return None
        if self._until is not None:
            items = ring.items_behind(self.position)
            self._backlog.add((item for item in items if self._selection.wants(item)), items[-1].cursor)
            return None
        found = ring.frame_behind(self.position, self._selection, self._request.batch)
        if isinstance(found, Frame):
            self.position = found.position
            return found
        self.position = found
        await asyncio.sleep(0)
        return None

    async def _idle(self) -> None:
        """Waits for anything to happen."""
        if isinstance(self._until, datetime) and not self._paused:
            await self._wait((self._until - datetime.now(UTC)).total_seconds())
        else:
            await self._woken.wait()

    async def _from_backlog(self) -> Frame | None:
        items: Sequence[Item] = self._backlog.items
        if self._pacer is not None:
            number, wait = self._pacer.due(items)
            if not number:
                await self._wait(wait)
                return None
            items = list(items)[:number]
        if isinstance(self._until, Cursor):
            items = [item for item in items if item.cursor.seq <= self._until.seq]
        if not items:
            return self._end()
        frame = entries_frame(items, self.position, self._request.batch)
        self.position = frame.position
        self._backlog.take_until(frame.position)
        return frame

    async def _catch_up(self) -> Frame | None:
        """At the end that history had: for who is paced, it may have one that is further on by now."""
        if self._pacer is not None:
            ends = await log_ends(self._log)
            if ends.last_seq > self.position.seq and ends.epoch == self.position.epoch:
                self._history_end = ends.last_seq
                return None
            self._pacer = None
        self._history_end = None
        return caught_up_frame(self.position)

    def _end(self) -> Frame:
        self.ended = True
        return end_frame(self.position)

    async def _obey(self, message: Message) -> Frame:
        if isinstance(message, Seek):
            await self._seek(message)
        elif isinstance(message, Filter):
            changes = {"event_type": message.event_type, "user_id": message.user_id}
            self._request = self._request.model_copy(update=changes)
            self._selection = self._request.selection
            await self._backlog.forget()
        else:
            self._paused = isinstance(message, Pause)
            if self._pacer is not None:
                self._pacer.go_on()
        return self._state()

    async def _seek(self, message: Seek) -> None:
        given = message.model_dump(include=message.model_fields_set & {"speed", "clock"})
        request = self._request.model_copy(update={"start": message.start, "until": message.until, **given})
        ends = await log_ends(self._log)
        await self._backlog.forget()
        await self._begin(request, ends)
        self._paused = False

    async def _begin(self, request: StreamRequest, ends: LogEnds) -> None:
        """Takes the place where a request begins, its end and its pace."""
        start = parse_start(request.start)
        until = parse_end(request.until) if request.until is not None else None
        if isinstance(until, Cursor) and until.epoch != ends.epoch:
            raise BadStreamRequestError(f"until: {until} is of another log than this one, whose epoch is {ends.epoch}")
        self.position = await position_of(start, ends, self._log)
        self._request, self._until = request, until
        began = start if isinstance(start, datetime) else None
        self._pacer = Pacer(request.speed, request.clock, began) if request.speed is not None else None
        self._history_end, self._verified, self._broken = ends.last_seq, False, None

    def _state(self) -> Frame:
        request = self._request
        return state_frame(
            self.position,
            paused=self._paused,
            until=request.until,
            event_type=request.event_type,
            user_id=request.user_id,
            speed="max" if request.speed is None else request.speed,
            clock=request.clock,
            batch=request.batch,
        )

    async def _step_over(self, broken: ForeignHistoryError | LostEntriesError) -> Frame:
        """Goes on behind a hole, or from the beginning of what is another log; either way the client is told."""
        await self._backlog.forget()
        if isinstance(broken, LostEntriesError):
            reason = f"the log's entries {broken.first} to {broken.last} are gone"
            resumed_at = Cursor(self.position.epoch, broken.last)
        else:
            reason = broken.what
            ends = await log_ends(self._log)
            resumed_at = Cursor(ends.epoch, 0)
            if self._history_end is not None:
                self._history_end = ends.last_seq
        frame = gap_frame(self.position, resumed_at, reason)
        self._broken, self._verified = None, False
        self.position = frame.position
        if isinstance(self._until, Cursor) and self._until.epoch != resumed_at.epoch:
            self._until = resumed_at  # there will never be what was to be the last
        return frame

    async def _wait(self, seconds: float) -> None:
        """Until something happens, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
