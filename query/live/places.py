"""Places in the log: where it begins and ends, where a client wants to begin, and how places look on the wire."""

import asyncio
from datetime import datetime
from typing import Literal, NamedTuple

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError
from query.parameters import parse_cursor, parse_timestamp
from runtime.log.client import LogClient

Start = Literal["latest", "earliest"] | Cursor | datetime


class LogEnds(NamedTuple):
    """``first`` and ``last`` are the cursors of the first and the last entry, None where the log is empty."""

    epoch: str
    first: Cursor | None
    last: Cursor | None
    last_seq: int

    @property
    def end(self) -> Cursor:
        """The position of whoever has seen everything."""
        return self.last or Cursor(self.epoch, self.last_seq)


async def log_ends(log: LogClient) -> LogEnds:
    """Asks where the log begins and ends now.

    Raises:
        LogUnavailableError: it does not answer, or nobody has set it up yet.
    """
    state = await log.state()
    if not state.epoch:
        raise LogUnavailableError("the log has no epoch yet: the command service or the projector gives it one")
    if state.first_seq > state.last_seq:
        return LogEnds(state.epoch, None, None, state.last_seq)
    first, last = await asyncio.gather(log.get(state.first_seq), log.get(state.last_seq))
    return LogEnds(
        state.epoch,
        first.cursor(state.epoch) if first else None,
        last.cursor(state.epoch) if last else None,
        state.last_seq,
    )


def parse_start(text: str, now: datetime | None = None) -> Start:
    """Reads where a client wants to begin: ``latest``, ``earliest``, a cursor, or a time of the log.

    Raises:
        BadCursorError: it looks like a cursor and is none.
        ValueError: it is none of these.
    """
    if text == "latest":
        return "latest"
    if text == "earliest":
        return "earliest"
    return parse_end(text, now)


def parse_end(text: str, now: datetime | None = None) -> Cursor | datetime:
    """Reads where a client wants to end: at a cursor, or a time of the log.

    Raises:
        BadCursorError: it looks like a cursor and is none.
        ValueError: it is neither.
    """
    try:
        return parse_timestamp(text, now)
    except ValueError:
        return parse_cursor(text)


async def position_of(start: Start, ends: LogEnds, log: LogClient) -> Cursor:
    """The position to begin behind.

    Raises:
        LogUnavailableError: the log does not answer.
    """
    if start == "latest":
        return ends.end
    if start == "earliest":
        return Cursor(ends.epoch, 0)
    if isinstance(start, Cursor):
        return start
    first = await log.first_since(start)
    if first is None:
        return ends.end
    before = await log.get(first.seq - 1) if first.seq > 1 else None
    return before.cursor(ends.epoch) if before else Cursor(ends.epoch, first.seq - 1)
