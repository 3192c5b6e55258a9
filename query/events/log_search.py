"""Searches the log for an event, after the position of the read model."""

import asyncio
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor
from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError, LostEntriesError
from runtime.log.client import LogClient
from runtime.log.positions import verify_position

MAX_ENTRIES = 50_000
"""Entries that one search reads at most."""
MAX_SECONDS = 2.0
"""Seconds that one search reads at most."""
LOG_TIMEOUT = 3.0
"""Seconds after which the log counts as unavailable."""
_BATCH = 1_000
_WAIT = 0.25


class SearchResult(NamedTuple):
    """The ``entry``, None if it is not among the ``searched`` entries; ``left`` entries were not read.

    ``epoch`` and ``end`` (the last sequence) are those of the log.
    """

    entry: LogEntry | None
    searched: int
    left: int
    epoch: str
    end: int


async def search_log(log: LogClient, projected: Cursor, event_id: UUID) -> SearchResult:
    """Reads the log after ``projected`` until the event's first entry, the end of the log or a limit.

    It skips lost entries.

    Raises:
        ForeignHistoryError: the log is not the one that was projected.
        LogUnavailableError: the log does not answer.
    """
    try:
        async with asyncio.timeout(LOG_TIMEOUT):
            return await _search(log, projected, event_id)
    except TimeoutError:
        raise LogUnavailableError(f"the log did not answer in {LOG_TIMEOUT:g} s") from None


async def _search(log: LogClient, projected: Cursor, event_id: UUID) -> SearchResult:
    state = await log.state()
    position = projected if projected.epoch else Cursor(state.epoch, 0)
    with suppress(LostEntriesError):
        state = await verify_position(log, position)
    clock = asyncio.get_running_loop().time
    deadline = clock() + MAX_SECONDS
    seen, searched = position.seq, 0
    found: LogEntry | None = None
    if seen < state.last_seq:
        consumer = await log.consume(seen + 1)
        try:
            while found is None and seen < state.last_seq and searched < MAX_ENTRIES and clock() < deadline:
                entries = await consumer.fetch(min(_BATCH, MAX_ENTRIES - searched), _WAIT)
                found = next((entry for entry in entries if entry.event_id == event_id), None)
                searched += len(entries)
                seen = entries[-1].seq if entries else seen
        finally:
            await consumer.close()
    return SearchResult(found, searched, max(state.last_seq - seen, 0), state.epoch, state.last_seq)
