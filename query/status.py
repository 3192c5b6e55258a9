"""``GET /status``: where everything is, and what is wrong where that can't be told."""

import asyncio
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg
from pydantic import BaseModel, Field

from contracts.cursors import Cursor
from contracts.errors import ForeignHistoryError, LogHoleError, LogUnavailableError
from query.database import QuestionTooSlowError, snapshot
from runtime.log.client import LogClient
from runtime.log.lag import PATIENCE as LOG_PATIENCE
from runtime.log.lag import measure_lag
from runtime.log.reader import verify_position
from runtime.postgres import DatabaseUnavailableError

PATIENCE = 2.0
"""Seconds that the database gets to answer."""


class StatusProblem(BaseModel):
    """Why something can't be known, or goes no further."""

    code: Literal["database_unavailable", "log_unavailable", "another_history", "entries_lost"] = Field(
        description="A stable word for machines. `another_history`: both answer, and what is counted is not of this "
        "log; `entries_lost`: what the projection needs next is gone from the log.",
        examples=["another_history"],
    )
    message: str = Field(
        description="A sentence for people, with what to do where there is something.",
        examples=["the database does not answer: ConnectionRefusedError"],
    )


class Status(BaseModel):
    """Where everything is; null is what can't be known, and `problem` says why."""

    live_clients: int = Field(description="Clients connected to `/ws` and `/sse`.")
    last_seq: int | None = Field(description="The log's end.")
    projected_seq: int | None = Field(description="Where the projection is.")
    lag_events: int | None = Field(description="Log entries not projected yet.")
    lag_seconds: float | None = Field(description="How long the oldest of them has been in the log.")
    parked: int | None = Field(description="Log entries that can't be projected.")
    started_at: datetime = Field(description="When this service started.")
    problem: StatusProblem | None = Field(description="Null: both answer, and what is counted is of this log.")


class _Projected(NamedTuple):
    position: Cursor
    parked: int


async def read_status(pool: "asyncpg.Pool", log: LogClient, *, live_clients: int, started_at: datetime) -> Status:
    """Asks the database and the log; answers within seconds whatever is away."""
    projected = await _projected(pool)
    position = projected.position if isinstance(projected, _Projected) else Cursor("", 0)
    lag, problem = await asyncio.gather(measure_lag(log, position), _compare(log, position))
    told = isinstance(projected, _Projected) and problem is None
    if isinstance(projected, StatusProblem):
        problem = _both(projected, problem)
    return Status(
        live_clients=live_clients,
        last_seq=lag.last_seq,
        projected_seq=position.seq if isinstance(projected, _Projected) else None,
        lag_events=lag.events if told else None,
        lag_seconds=lag.seconds if told else None,
        parked=projected.parked if isinstance(projected, _Projected) else None,
        started_at=started_at,
        problem=problem,
    )


async def _projected(pool: "asyncpg.Pool") -> _Projected | StatusProblem:
    try:
        async with snapshot(pool, PATIENCE) as ask:
            row = await ask.row("status")
    except DatabaseUnavailableError as error:
        return StatusProblem(code="database_unavailable", message=str(error))
    except QuestionTooSlowError:
        return StatusProblem(code="database_unavailable", message=f"the database did not answer in {PATIENCE:g} s")
    return _Projected(Cursor(row["epoch"], row["seq"], row["fingerprint"]), row["parked"])


async def _compare(log: LogClient, position: Cursor) -> StatusProblem | None:
    """Whether a position is of this log. The lag alone doesn't tell: a log that was put back may have grown again."""
    try:
        async with asyncio.timeout(LOG_PATIENCE):
            if position.epoch:
                await verify_position(log, position)
            else:
                await log.state()
    except ForeignHistoryError as error:
        return StatusProblem(code="another_history", message=f"what is counted is not of this log: {error}")
    except LogHoleError as error:
        return StatusProblem(code="entries_lost", message=str(error))
    except LogUnavailableError as error:
        return StatusProblem(code="log_unavailable", message=str(error))
    except TimeoutError:
        return StatusProblem(code="log_unavailable", message=f"the log did not answer in {LOG_PATIENCE:g} s")
    return None


def _both(one: StatusProblem, other: StatusProblem | None) -> StatusProblem:
    return one if other is None else one.model_copy(update={"message": f"{one.message}; {other.message}"})
