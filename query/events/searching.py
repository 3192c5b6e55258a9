"""Looking for an event in the log, behind what is projected."""

import asyncio
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import LogHoleError, LogUnavailableError
from runtime.log.client import LogClient
from runtime.log.reader import verify_position

MAX_ENTRIES = 50_000
"""Log entries that one search reads at most."""
MAX_SECONDS = 2.0
"""Seconds after which it reads no further."""
PATIENCE = 3.0
"""Seconds after which the log is taken not to answer."""
_BATCH = 1_000
_WAIT = 0.25


class Searched(NamedTuple):
    """The ``entry`` that was looked for, None where it is not among the ``looked_at`` entries; ``left`` are unread.

    ``epoch`` is the log's, ``end`` its last sequence.
    """

    entry: LogEntry | None
    looked_at: int
    left: int
    epoch: str
    end: int


async def search_behind(log: LogClient, projected: Cursor, event_id: UUID) -> Searched:
    """Reads the log from what is ``projected`` on, until the event's first entry, the end or a bound.

    Lost entries are passed over: what is left may have it.

    Raises:
        ForeignHistoryError: the log is not the one that was projected.
        LogUnavailableError: it does not answer.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await _search(log, projected, event_id)
    except TimeoutError:
        raise LogUnavailableError(f"the log did not answer in {PATIENCE:g} s") from None


async def _search(log: LogClient, projected: Cursor, event_id: UUID) -> Searched:
    state = await log.state()
    behind = projected if projected.epoch else Cursor(state.epoch, 0)
    with suppress(LogHoleError):
        state = await verify_position(log, behind)
    clock = asyncio.get_running_loop().time
    deadline = clock() + MAX_SECONDS
    seen, looked_at = behind.seq, 0
    found: LogEntry | None = None
    if seen < state.last_seq:
        fetcher = await log.fetch_from(seen + 1)
        try:
            while found is None and seen < state.last_seq and looked_at < MAX_ENTRIES and clock() < deadline:
                entries = await fetcher.fetch(min(_BATCH, MAX_ENTRIES - looked_at), _WAIT)
                found = next((entry for entry in entries if entry.event_id == event_id), None)
                looked_at += len(entries)
                seen = entries[-1].seq if entries else seen
        finally:
            await fetcher.close()
    return Searched(found, looked_at, max(state.last_seq - seen, 0), state.epoch, state.last_seq)
