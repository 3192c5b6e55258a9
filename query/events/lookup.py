"""Finds one event: in the read model, parked, or in the log after the position of the read model."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LogUnavailableError
from migrations.pipeline import measure_lag
from query.as_of import as_of, cursor_of
from query.database import snapshot
from query.errors import QueryError
from query.events.listing import show
from query.events.log_entries import find_entries
from query.events.log_search import SearchResult, search_log
from runtime.log.client import LogClient


class EventNotFoundError(QueryError):
    """The event was not found; the message names what was searched."""

    status = 404
    title = "Not found"


async def find_event(pool: "asyncpg.Pool", log: LogClient, event_id: UUID, timeout: float) -> dict[str, Any]:
    """Returns where an event is, as ``FoundEvent`` describes it.

    Raises:
        EventNotFoundError: it was not found.
        LogUnavailableError: it is not in the read model, and the log does not answer.
        DatabaseUnavailableError: the database does not answer.
        QueryTimeoutError: the database needed more than ``timeout`` seconds.
    """
    async with snapshot(pool, timeout) as ask:
        position = await ask.position()
        rows = await ask.rows("event_by_id", event_id)
    projected = cursor_of(position)
    if rows:
        found, lag = await asyncio.gather(_projected(log, projected, event_id, rows[0]), measure_lag(log, projected))
    else:
        found, lag = await _logged(log, projected, event_id), await measure_lag(log, projected)
    state = {**as_of(position, lag), "stale": ask.stale}
    return {"event_id": event_id, "event": None, "parked": None, **found, "as_of": state}


async def _projected(log: LogClient, projected: Cursor, event_id: UUID, row: Any) -> dict[str, Any]:
    [found] = await find_entries(log, projected.epoch, [(row["seq"], event_id)])
    logged_at = found.entry.logged_at if found.entry else row["logged_at"]
    is_gone = found.answered and found.entry is None
    entry = {"log": None if is_gone else {"cursor": found.cursor, "logged_at": logged_at}}
    if row["code"] is not None:
        parked = {"code": row["code"], "reason": row["reason"], "parked_at": row["parked_at"]}
        return {"state": "parked", "parked": parked, **entry}
    if row["event_type"] is None:
        return {"state": "expired", **entry}
    return {"state": "projected", "event": show(row, event_id, found.cursor), **entry}


async def _logged(log: LogClient, projected: Cursor, event_id: UUID) -> dict[str, Any]:
    at = f"at {projected}" if projected.epoch else "empty"
    missing = f"{event_id} is not in the read model, which is {at}"
    try:
        result = await search_log(log, projected, event_id)
    except ForeignHistoryError as error:
        raise EventNotFoundError(f"{missing}; the log was not searched: {error.what}") from None
    except LogUnavailableError as error:
        raise LogUnavailableError(f"{missing}; the log, which may contain it, does not answer: {error}") from None
    if result.entry is None:
        raise EventNotFoundError(missing + _where_searched(result))
    cursor = result.entry.cursor(result.epoch)
    return {"state": "logged", "log": {"cursor": str(cursor), "logged_at": result.entry.logged_at}}


def _where_searched(result: SearchResult) -> str:
    if result.left:
        return (
            f", nor in the next {result.searched:,} entries of the log; {result.left:,} more entries were not "
            "searched because the projection lags: try again later"
        )
    if result.searched:
        return f", nor in the {result.searched:,} later entries of the log, which ends at sequence {result.end}"
    return "; the log has no later entries"
