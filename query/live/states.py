"""The states of a stream. Each step of a state returns the next state, and a frame if one is due.

::

    Verifying ──► Live ◄──► History      Live and History return to Verifying when the ring is replaced
        │ ▲                    ▲
        ▼ └── Broken           │         any state becomes Broken when the log contradicts its position
      Paced ───────────────────┘         any state can become Paused, and is resumed later
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LostEntriesError
from query.live.bounds import find_position, read_log_ends
from query.live.catchup import CatchUpReader
from query.live.frames import CaughtUpFrame, EndFrame, Frame, Item, entries_frame, gap_frame, position_frame
from query.live.pacing import Pacer
from query.live.requests import StreamRequest
from query.live.ring import Ring
from query.live.selection import Selection
from query.live.tail import Tail
from runtime.log.client import LogClient
from runtime.log.positions import verify_position


@dataclass
class Session:
    """What the states of one stream share."""

    log: LogClient
    tail: Tail
    request: StreamRequest
    selection: Selection
    position: Cursor = field(default_factory=lambda: Cursor("", 0))
    """The client has received every selected entry up to here."""
    until: Cursor | datetime | None = None
    pacer: Pacer | None = None
    catch_up_seq: int | None = None
    """Where history ends for this client; None after ``caught_up``."""
    has_ended: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by new entries and by the client's messages."""

    @property
    def last_seq(self) -> int | None:
        """The sequence of ``until``, if it is a cursor."""
        return self.until.seq if isinstance(self.until, Cursor) else None

    @property
    def is_over(self) -> bool:
        """Whether the client has received everything up to ``until``."""
        return self.last_seq is not None and self.position.seq >= self.last_seq

    @property
    def has_caught_up(self) -> bool:
        """Whether ``caught_up`` is due."""
        return self.catch_up_seq is not None and self.position.seq >= self.catch_up_seq

    async def resolve_until(self) -> None:
        """Replaces a time ``until`` that has passed by the position of the log at that time."""
        if isinstance(self.until, datetime) and datetime.now(UTC) >= self.until:
            self.until = await find_position(self.until, await read_log_ends(self.log), self.log)

    def entries(self, items: Sequence[Item]) -> Frame:
        """Returns the frame of the next items, or the last frame if all of them are after ``until``."""
        last_seq = self.last_seq
        if last_seq is None:
            frame = entries_frame(items, self.position, self.request.batch)
        elif items[0].cursor.seq > last_seq:
            return self.end()
        else:
            due = takewhile(lambda item: item.cursor.seq <= last_seq, items)
            frame = entries_frame(due, self.position, self.request.batch)
        self.position = frame.position
        return frame

    def milestone(self) -> Frame | None:
        """Returns the frame that is due before any further entry: the end, or ``caught_up``."""
        if self.is_over:
            return self.end()
        if self.has_caught_up:
            self.catch_up_seq = None
            return position_frame(CaughtUpFrame, self.position)
        return None

    def end(self) -> Frame:
        """Returns the last frame."""
        self.has_ended = True
        return position_frame(EndFrame, self.position)

    async def idle(self) -> None:
        """Waits for new entries, a message, or a time ``until``."""
        if isinstance(self.until, datetime):
            await self.wait((self.until - datetime.now(UTC)).total_seconds())
        else:
            await self.woken.wait()

    async def wait(self, seconds: float) -> None:
        """Waits for new entries or a message, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.woken.wait()


class State(ABC):
    """What a stream does next."""

    @abstractmethod
    async def step(self, session: Session) -> "tuple[State, Frame | None]":
        """Returns the next state, and a frame unless it only waited, read or changed the state.

        Raises:
            ForeignHistoryError, LostEntriesError: the log contradicts the position; the next state is ``Broken``.
            LogUnavailableError: the log does not answer; the step can be repeated.
        """

    async def close(self) -> None:
        """Ends what the state holds."""
        return


Step = tuple[State, Frame | None]


def reading(session: Session, ring: Ring | None) -> State:
    """Returns the state that reads on from a verified position."""
    if session.pacer is not None:
        return Paced(session, ring)
    if ring is not None and ring.continues(session.position):
        return Live(ring)
    return History(session, ring)


class Verifying(State):
    """Compares the position with the log before anything is sent from it."""

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        ring = session.tail.ring
        await verify_position(session.log, session.position)
        return reading(session, ring), None


class Live(State):
    """Sends new entries from the ring."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._is_waiting = False

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        if frame := session.milestone():
            return self, frame
        if session.tail.ring is not self._ring:
            return Verifying(), None
        if not self._ring.continues(session.position):  # the client was too slow
            return History(session, self._ring), None
        if self._ring.end.seq <= session.position.seq:
            self._is_waiting = True
            try:
                await session.idle()
            finally:
                self._is_waiting = False
            return self, None
        found = self._next(session)
        if isinstance(found, Frame):
            session.position = found.position
            return self, found
        if found == session.position:  # the next entry is after the end
            return self, session.end()
        session.position = found
        await asyncio.sleep(0)
        return self, None

    def push(self, session: Session, send: Callable[[Frame], bool]) -> bool:
        """Sends new entries while the stream waits for them; returns False if its task has to continue.

        This saves waking a task per client. ``send`` returns False if the client cannot receive a frame now.
        """
        if not self._is_waiting or session.woken.is_set():
            return False
        if session.until is not None or session.catch_up_seq is not None:  # another frame may be due after the entries
            return False
        ring = self._ring
        if session.tail.ring is not ring or not ring.continues(session.position):
            return False
        while ring.end.seq > session.position.seq:
            found = self._next(session)
            if not isinstance(found, Frame):
                session.position = found
            elif send(found):
                session.position = found.position
            else:
                return False
        return True

    def _next(self, session: Session) -> Frame | Cursor:
        return self._ring.frame_after(session.position, session.selection, session.request.batch, session.last_seq)


class History(State):
    """Sends stored entries, because the ring does not contain the position."""

    def __init__(self, session: Session, ring: Ring | None) -> None:
        self._ring = ring
        ahead = session.pacer is None
        self._reader = CatchUpReader(
            session.log, session.position, session.selection, session.tail.upcasters, ahead=ahead
        )
        self._items: deque[Item] = deque()
        self._read_up_to = session.position

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        if self._items:
            return self, self._send(session, self._items)
        session.position = self._read_up_to
        if frame := session.milestone():
            return self, frame
        if session.tail.ring is not self._ring:
            return await self._left_for(Verifying()), None
        if self._ring is not None and self._ring.continues(session.position):
            return await self._left_for(Live(self._ring)), None
        await self._read()
        return self, None

    async def close(self) -> None:
        """See ``State.close``."""
        await self._reader.close()

    def _send(self, session: Session, items: Sequence[Item]) -> Frame:
        frame = session.entries(items)
        while self._items and self._items[0].cursor.seq <= session.position.seq:
            self._items.popleft()
        return frame

    async def _read(self) -> None:
        items, self._read_up_to = await self._reader.read()
        self._items.extend(items)

    async def _left_for(self, state: State) -> State:
        await self.close()
        return state


class Paced(History):
    """Sends stored entries at their original pace, up to the end of the log."""

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        assert session.pacer is not None
        if self._items:
            number, wait = session.pacer.due(self._items)
            if number:
                return self, self._send(session, list(self._items)[:number])
            await session.wait(wait)
            return self, None
        session.position = self._read_up_to
        if session.is_over:
            return self, session.end()
        if session.has_caught_up:
            ends = await read_log_ends(session.log)
            if ends.epoch != session.position.epoch or ends.last_seq <= session.position.seq:
                session.pacer = None
                return await self._left_for(reading(session, self._ring)), session.milestone()
            session.catch_up_seq = ends.last_seq
        if session.tail.ring is not self._ring:
            return await self._left_for(Verifying()), None
        await self._read()
        return self, None


class Paused(State):
    """Sends nothing until the client resumes the stream."""

    def __init__(self, resumed: State) -> None:
        self.resumed = resumed
        """The state to continue in."""

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        await session.woken.wait()
        return self, None

    async def close(self) -> None:
        """See ``State.close``."""
        await self.resumed.close()


class Broken(State):
    """Reports that entries are lost or that the log is another one, and continues after the gap."""

    def __init__(self, error: ForeignHistoryError | LostEntriesError) -> None:
        self._error = error

    async def step(self, session: Session) -> Step:
        """See ``State.step``."""
        if isinstance(self._error, LostEntriesError):
            reason = f"the log's entries {self._error.first} to {self._error.last} are gone"
            resumed_at = Cursor(session.position.epoch, self._error.last)
        else:
            reason = self._error.what
            ends = await read_log_ends(session.log)
            resumed_at = Cursor(ends.epoch, 0)
            if session.catch_up_seq is not None:
                session.catch_up_seq = ends.last_seq
        frame = gap_frame(session.position, resumed_at, reason)
        session.position = resumed_at
        if isinstance(session.until, Cursor) and session.until.epoch != resumed_at.epoch:
            session.until = resumed_at  # this log never reaches the requested end
        return Verifying(), frame
