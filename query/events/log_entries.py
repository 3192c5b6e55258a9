"""The cursors of projected events. Rows have only a sequence; the log has the fingerprint."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor, id_fingerprint
from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError
from query.parameters import cursor_text
from runtime.log.client import LogClient
from runtime.log.errors import JetStreamApiError

LOG_TIMEOUT = 1.0
"""Seconds the log has to answer: a query of the read model does not depend on it."""


class FoundEntry(NamedTuple):
    """An event's cursor and ``entry``; the entry is None if the log has another one or none at its sequence.

    Without ``answered`` the log did not answer, and the entry is unknown.
    """

    cursor: str
    entry: LogEntry | None
    answered: bool


async def find_entries(log: LogClient, epoch: str, events: Iterable[tuple[int, UUID]]) -> Sequence[FoundEntry]:
    """Reads the entries of events (sequence, event id) that a model of the log ``epoch`` has projected.

    Every cursor is a valid ``from`` of ``/ws``. ``/ws`` does not compare a cursor without a fingerprint. If the log has
    another event at the sequence, the cursor has the fingerprint of the model's event, so that ``/ws`` reports it.
    """
    wanted = list(events)
    try:
        async with asyncio.timeout(LOG_TIMEOUT):
            found = await asyncio.gather(*(_get(log, seq) for seq, _ in wanted))
    except TimeoutError:
        found = [(None, False)] * len(wanted)
    return [
        _compared(Cursor(epoch, seq), event_id, *answer) for (seq, event_id), answer in zip(wanted, found, strict=True)
    ]


async def _get(log: LogClient, seq: int) -> tuple[LogEntry | None, bool]:
    try:
        return await log.get(seq), True
    except (LogUnavailableError, JetStreamApiError):
        return None, False


def _compared(position: Cursor, event_id: UUID, entry: LogEntry | None, answered: bool) -> FoundEntry:
    if entry is None:
        return FoundEntry(cursor_text(position), None, answered)
    if entry.event_id != event_id:
        known = position._replace(fingerprint=id_fingerprint(str(event_id)))
        return FoundEntry(cursor_text(known), None, answered)
    return FoundEntry(cursor_text(entry.cursor(position.epoch)), entry, answered)
