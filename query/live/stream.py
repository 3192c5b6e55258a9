"""The frames for one client."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LogUnavailableError, LostEntriesError
from query.live.bounds import LogEnds, find_position, parse_end, parse_start, read_log_ends
from query.live.frames import Frame, hello_frame, state_frame
from query.live.pacing import Pacer
from query.live.requests import BadStreamRequestError, Filter, Message, Pause, Seek, StreamRequest
from query.live.selection import Selection
from query.live.states import Broken, Live, Paused, Session, State, Verifying
from query.live.tail import Tail
from query.parameters import Identify
from runtime.log.client import LogClient

RETRY_INTERVAL = 0.5
"""Seconds between attempts while the log does not answer."""
MAX_MESSAGES = 16
"""Messages of a client that can be pending."""


class Stream:
    """Returns frames for one client. One task at a time requests them.

    Its state decides where entries come from (see ``states.py``). All states count the sequence of the log, so a
    transition neither skips nor repeats an entry.
    """

    def __init__(self, log: LogClient, tail: Tail, request: StreamRequest, identify: Identify) -> None:
        """Raises BadStreamRequestError if ``identify`` does not know the user."""
        self._identify = identify
        self._session = Session(log, tail, request, Selection.of(request, identify))
        self._state: State = Verifying()
        self._messages: deque[Message] = deque()
        self.send_now: Callable[[Frame], bool] = lambda frame: False
        """Sends a frame if the client can receive it at once; set by the sender."""
        tail.subscribe(self._on_entries)

    @property
    def position(self) -> Cursor:
        """The client has received every selected entry up to here."""
        return self._session.position

    @property
    def has_ended(self) -> bool:
        """Whether the last frame was returned."""
        return self._session.has_ended

    @property
    def is_over(self) -> bool:
        """Whether nothing is left up to the requested end."""
        return self._session.is_over

    async def open(self) -> Frame:
        """Finds the start of the stream and returns the ``hello`` frame.

        Raises:
            LogUnavailableError: the log does not answer.
            BadStreamRequestError: the requested end belongs to another log.
        """
        ends = await read_log_ends(self._session.log)
        await self._start(self._session.request, ends)
        return hello_frame(ends, self.position)

    def receive(self, message: Message) -> None:
        """Accepts a message of the client. It is applied, and answered by a frame, after the current frame.

        Raises:
            BadStreamRequestError: too many messages are pending.
        """
        if len(self._messages) >= MAX_MESSAGES:
            raise BadStreamRequestError(f"more than {MAX_MESSAGES} messages are pending")
        self._messages.append(message)
        self._session.woken.set()

    async def next_frame(self) -> Frame:
        """Waits for the next frame.

        Raises:
            BadStreamRequestError: a message is invalid.
        """
        while True:
            self._session.woken.clear()
            try:
                frame = await self._step()
            except (ForeignHistoryError, LostEntriesError) as error:
                await self._enter(Broken(error))
            except LogUnavailableError:
                await self._session.wait(RETRY_INTERVAL)
            else:
                if frame is not None:
                    return frame

    async def close(self) -> None:
        """Ends the stream."""
        self._session.tail.unsubscribe(self._on_entries)
        await self._state.close()

    def _on_entries(self) -> None:
        if not (isinstance(self._state, Live) and self._state.push(self._session, self.send_now)):
            self._session.woken.set()

    async def _step(self) -> Frame | None:
        if self._messages:
            await self._apply(self._messages[0])
            self._messages.popleft()
            is_paused = isinstance(self._state, Paused)
            return state_frame(self.position, self._session.request, paused=is_paused)
        if not isinstance(self._state, Paused):
            await self._session.resolve_until()
        self._state, frame = await self._state.step(self._session)
        return frame

    async def _apply(self, message: Message) -> None:
        session = self._session
        if isinstance(message, Seek):
            given = message.model_dump(include=message.model_fields_set & {"speed", "clock"})
            ends = await read_log_ends(session.log)
            await self._start(
                session.request.model_copy(update={"start": message.start, "until": message.until, **given}), ends
            )
        elif isinstance(message, Filter):
            changes = {"event_type": message.event_type, "user_id": message.user_id}
            session.request = session.request.model_copy(update=changes)
            session.selection = Selection.of(session.request, self._identify)
            await self._enter(Paused(Verifying()) if isinstance(self._state, Paused) else Verifying())
        else:
            if isinstance(message, Pause):
                self._state = self._state if isinstance(self._state, Paused) else Paused(self._state)
            elif isinstance(self._state, Paused):
                self._state = self._state.resumed
            if session.pacer is not None:
                session.pacer.restart()

    async def _start(self, request: StreamRequest, ends: LogEnds) -> None:
        """Sets the start, the end and the pace of a request."""
        session = self._session
        start = parse_start(request.start)
        until = parse_end(request.until) if request.until is not None else None
        if isinstance(until, Cursor) and until.epoch != ends.epoch:
            raise BadStreamRequestError(f"until: {until} is of another log; the epoch of this log is {ends.epoch}")
        session.position = await find_position(start, ends, session.log)
        session.request, session.until, session.catch_up_seq = request, until, ends.last_seq
        started_at = start if isinstance(start, datetime) else None
        session.pacer = Pacer(request.speed, request.clock, started_at) if request.speed is not None else None
        await self._enter(Verifying())

    async def _enter(self, state: State) -> None:
        await self._state.close()
        self._state = state
