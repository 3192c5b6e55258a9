"""The cursors of projected events. Rows know their sequence alone; the fingerprint is the log's to give."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor, id_fingerprint
from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError
from query.live.places import wire
from runtime.log.client import JetStreamApiError, LogClient

PATIENCE = 1.0
"""Seconds the log gets to answer: a question to the read model doesn't wait for it."""


class Looked(NamedTuple):
    """What the log has at an event's place: its ``entry``, or None where it has another or none.

    Nothing is known unless ``answered``.
    """

    cursor: str
    entry: LogEntry | None
    answered: bool


async def look(log: LogClient, epoch: str, events: Iterable[tuple[int, UUID]]) -> Sequence[Looked]:
    """Looks at the entries, by sequence and event id, that a model of the log ``epoch`` has projected.

    Any of these cursors is a valid ``from`` of ``/ws``. A cursor without a fingerprint is not compared. If the log
    holds another event than the model, comparing the cursor reveals it.
    """
    wanted = list(events)
    try:
        async with asyncio.timeout(PATIENCE):
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


def _compared(place: Cursor, event_id: UUID, entry: LogEntry | None, answered: bool) -> Looked:
    if entry is None:
        return Looked(wire(place), None, answered)
    if entry.event_id != event_id:
        return Looked(wire(place._replace(fingerprint=id_fingerprint(str(event_id)))), None, answered)
    return Looked(wire(entry.cursor(place.epoch)), entry, answered)
