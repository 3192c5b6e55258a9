"""``GET /status``: where everything is, and what is wrong where that can't be told."""

from datetime import datetime
from typing import Literal

import asyncpg
from pydantic import BaseModel, Field

from contracts.errors import ForeignHistoryError, LogHoleError, TailraceError
from migrations.pipeline import ModelState, compare_with_log, read_live_model
from query.database import QuestionTooSlowError, snapshot
from runtime.log.client import LogClient
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


async def read_status(pool: "asyncpg.Pool", log: LogClient, *, live_clients: int, started_at: datetime) -> Status:
    """Asks the database and the log; answers within seconds when either is away."""
    model = await _read_model(pool)
    known = model if isinstance(model, ModelState) else None
    _, lag, error = await compare_with_log(log, known.position if known else None)
    problem = _problem(error) if error else None
    if isinstance(model, StatusProblem):
        problem = _both(model, problem)
    return Status(
        live_clients=live_clients,
        last_seq=lag.last_seq,
        projected_seq=known.position.seq if known else None,
        lag_events=lag.events,
        lag_seconds=lag.seconds,
        parked=known.parked if known else None,
        started_at=started_at,
        problem=problem,
    )


async def _read_model(pool: "asyncpg.Pool") -> ModelState | StatusProblem:
    try:
        async with snapshot(pool, PATIENCE) as ask:
            return await read_live_model(ask.connection)
    except DatabaseUnavailableError as error:
        return StatusProblem(code="database_unavailable", message=str(error))
    except QuestionTooSlowError:
        return StatusProblem(code="database_unavailable", message=f"the database did not answer in {PATIENCE:g} s")


def _problem(error: TailraceError) -> StatusProblem:
    if isinstance(error, ForeignHistoryError):
        return StatusProblem(code="another_history", message=f"what is counted is not of this log: {error}")
    if isinstance(error, LogHoleError):
        return StatusProblem(code="entries_lost", message=str(error))
    return StatusProblem(code="log_unavailable", message=str(error))


def _both(one: StatusProblem, other: StatusProblem | None) -> StatusProblem:
    return one if other is None else one.model_copy(update={"message": f"{one.message}; {other.message}"})
