"""The cursors of projected events. Rows know their sequence alone; the mark is the log's to give."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from contracts.cursors import Cursor, id_mark
from contracts.entries import LogEntry
from contracts.errors import LogUnavailableError
from query.live.places import wire
from runtime.log.client import LogClient

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

    Every cursor can be gone on from with ``/ws?from=``. One without a mark is compared with nothing; where the log has
    another event than the model, the cursor says so to whoever compares it.
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
    except LogUnavailableError:
        return None, False


def _compared(place: Cursor, event_id: UUID, entry: LogEntry | None, answered: bool) -> Looked:
    if entry is None:
        return Looked(wire(place), None, answered)
    if entry.event_id != event_id:
        return Looked(wire(place._replace(mark=id_mark(str(event_id)))), None, answered)
    return Looked(wire(entry.cursor(place.epoch)), entry, answered)
