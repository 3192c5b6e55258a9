"""The bounds of the log now, and of a stream: where it can start and end."""

import asyncio
from datetime import datetime
from typing import Literal, NamedTuple

from contracts.cursors import Cursor
from contracts.errors import LogUnavailableError
from query.parameters import parse_cursor, parse_timestamp
from runtime.log.client import LogClient


class LogEnds(NamedTuple):
    """The cursors of the first and the last entry; None if the log is empty."""

    epoch: str
    first: Cursor | None
    last: Cursor | None
    last_seq: int

    @property
    def end(self) -> Cursor:
        """The position after the last entry."""
        return self.last or Cursor(self.epoch, self.last_seq)


async def read_log_ends(log: LogClient) -> LogEnds:
    """Returns where the log starts and ends now.

    Raises:
        LogUnavailableError: the log does not answer, or was not set up yet.
    """
    state = await log.state()
    if not state.epoch:
        raise LogUnavailableError("the log has no epoch yet: the command service or the projector sets one")
    if state.first_seq > state.last_seq:
        return LogEnds(state.epoch, None, None, state.last_seq)
    first, last = await asyncio.gather(log.get(state.first_seq), log.get(state.last_seq))
    return LogEnds(
        state.epoch,
        first.cursor(state.epoch) if first else None,
        last.cursor(state.epoch) if last else None,
        state.last_seq,
    )


StartPosition = Literal["latest", "earliest"] | Cursor | datetime


def parse_start(text: str, now: datetime | None = None) -> StartPosition:
    """Parses where a stream starts: ``latest``, ``earliest``, a cursor, or a time in the log.

    Raises:
        BadCursorError, ValueError: the text is none of these.
    """
    if text == "latest":
        return "latest"
    if text == "earliest":
        return "earliest"
    return parse_end(text, now)


def parse_end(text: str, now: datetime | None = None) -> Cursor | datetime:
    """Parses where a stream ends: at a cursor, or a time in the log.

    Raises:
        BadCursorError, ValueError: the text is neither.
    """
    try:
        return parse_timestamp(text, now)
    except ValueError:
        return parse_cursor(text)


async def find_position(start: StartPosition, ends: LogEnds, log: LogClient) -> Cursor:
    """Returns the position before the first entry of a stream.

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
