"""Where an event is: in the read model, parked, or in the log behind what is projected."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LogUnavailableError, TailraceError
from migrations.pipeline import measure_lag
from query.database import snapshot
from query.events.cursors import look
from query.events.listing import show
from query.events.searching import Searched, search_behind
from runtime.log.client import LogClient


class EventNotFoundError(TailraceError):
    """The event is not where was looked; the message says how far that was."""


async def trace_event(pool: "asyncpg.Pool", log: LogClient, event_id: UUID, timeout: float) -> dict[str, Any]:
    """Where an event is, as ``TracedEvent`` describes it.

    Raises:
        EventNotFoundError: it is in no place that was looked at.
        LogUnavailableError: it is not in the read model, and the log behind that does not answer.
        DatabaseUnavailableError: the database does not answer.
        QuestionTooSlowError: ``timeout`` seconds were not enough.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.row("position")
        rows = await ask.rows("events_traced", event_id)
    projected = Cursor(position["epoch"], position["seq"], position["fingerprint"])
    if rows:
        found, lag = await asyncio.gather(_projected(log, projected, event_id, rows[0]), measure_lag(log, projected))
    else:
        found, lag = await _logged(log, projected, event_id), await measure_lag(log, projected)
    as_of = {
        "cursor": str(projected) if projected.epoch else None,
        "revision": position["revision"],
        "lag_events": lag.events,
        "lag_seconds": lag.seconds,
    }
    return {"event_id": event_id, "event": None, "parked": None, **found, "as_of": as_of}


async def _projected(log: LogClient, projected: Cursor, event_id: UUID, row: Any) -> dict[str, Any]:
    [looked] = await look(log, projected.epoch, [(row["seq"], event_id)])
    logged_at = looked.entry.logged_at if looked.entry else row["logged_at"]
    gone = looked.answered and looked.entry is None
    place = {"log": None if gone else {"cursor": looked.cursor, "logged_at": logged_at}}
    if row["code"] is not None:
        parked = {"code": row["code"], "reason": row["reason"], "parked_at": row["parked_at"]}
        return {"state": "parked", "parked": parked, **place}
    if row["event_type"] is None:
        return {"state": "expired", **place}
    return {"state": "projected", "event": show(row, event_id, looked.cursor), **place}


async def _logged(log: LogClient, projected: Cursor, event_id: UUID) -> dict[str, Any]:
    counted = f"{event_id} is not in the read model, which has counted {_up_to(projected)}"
    try:
        searched = await search_behind(log, projected, event_id)
    except ForeignHistoryError as error:
        raise EventNotFoundError(f"{counted}; the log was not searched: {error.what}") from None
    except LogUnavailableError as error:
        raise LogUnavailableError(f"{counted}, and the log, which may have it, does not answer: {error}") from None
    if searched.entry is None:
        raise EventNotFoundError(counted + _not_found(searched))
    cursor = searched.entry.cursor(searched.epoch)
    return {"state": "logged", "log": {"cursor": str(cursor), "logged_at": searched.entry.logged_at}}


def _up_to(projected: Cursor) -> str:
    return f"the log up to {projected}" if projected.epoch else "nothing yet"


def _not_found(searched: Searched) -> str:
    if searched.left:
        return (
            f", nor among the next {searched.looked_at:,} entries of the log, and {searched.left:,} more were not "
            "looked at: the projection lags, ask again later"
        )
    if searched.looked_at:
        return f", nor among the {searched.looked_at:,} entries behind that: the log ends at sequence {searched.end}"
    return ", and there is nothing behind that"
