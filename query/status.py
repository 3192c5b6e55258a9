"""``GET /status``: the position and lag of the read model, or the problem that hides them."""

from datetime import datetime
from typing import Literal

import asyncpg
from pydantic import BaseModel, Field

from contracts.errors import ForeignHistoryError, LostEntriesError, TailraceError
from migrations.pipeline import ModelState, compare_with_log, read_live_model
from migrations.projections import list_failed
from query.database import snapshot
from query.errors import QueryTimeoutError
from runtime.log.client import LogClient
from runtime.postgres import DatabaseUnavailableError

DATABASE_TIMEOUT = 2.0
"""Seconds the database has to answer."""


class StatusProblem(BaseModel):
    """Why a value is unknown, or why the projection cannot continue."""

    code: Literal["database_unavailable", "log_unavailable", "another_history", "entries_lost"] = Field(
        description="A stable code. `another_history`: both answer, but the read model belongs to another log; "
        "`entries_lost`: the next entry of the projection is gone from the log.",
        examples=["another_history"],
    )
    message: str = Field(
        description="A sentence, with the action to take if there is one.",
        examples=["the database does not answer: ConnectionRefusedError"],
    )


class FailedProjection(BaseModel):
    """A projection of your own that has stopped: its rows stay as they are."""

    name: str = Field(examples=["revenue"])
    version: int
    error: str = Field(description="Why it has stopped.")


class Status(BaseModel):
    """The state of the pipeline; an unknown value is null, and `problem` explains why."""

    live_clients: int = Field(description="Clients connected to `/ws` and `/sse`.")
    last_seq: int | None = Field(description="The last sequence of the log.")
    projected_seq: int | None = Field(description="The sequence of the read model.")
    lag_events: int | None = Field(description="Log entries that are not projected yet.")
    lag_seconds: float | None = Field(description="Age of the oldest of them in the log.")
    parked: int | None = Field(description="Log entries that cannot be projected.")
    stale: bool | None = Field(description="As in `/stats`.")
    failed_projections: list[FailedProjection] | None = Field(
        description="The projections of your own that have stopped; null while the database does not answer."
    )
    started_at: datetime = Field(description="When this service started.")
    problem: StatusProblem | None = Field(description="Null: both answer, and the read model belongs to this log.")


async def read_status(pool: "asyncpg.Pool", log: LogClient, *, live_clients: int, started_at: datetime) -> Status:
    """Queries the database and the log; returns within seconds even if they are away."""
    model, failed = await _read_models(pool)
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
        stale=known.stale if known else None,
        failed_projections=failed,
        started_at=started_at,
        problem=problem,
    )


async def _read_models(pool: "asyncpg.Pool") -> tuple[ModelState | StatusProblem, list[FailedProjection] | None]:
    try:
        async with snapshot(pool, DATABASE_TIMEOUT) as ask:
            failed = [
                FailedProjection(name=one.name, version=one.version, error=one.error or "")
                for one in await list_failed(ask.connection)
            ]
            return await read_live_model(ask.connection), failed
    except DatabaseUnavailableError as error:
        message = str(error)
    except QueryTimeoutError:
        message = f"the database did not answer in {DATABASE_TIMEOUT:g} s"
    return StatusProblem(code="database_unavailable", message=message), None


def _problem(error: TailraceError) -> StatusProblem:
    if isinstance(error, ForeignHistoryError):
        return StatusProblem(code="another_history", message=f"the read model belongs to another log: {error}")
    if isinstance(error, LostEntriesError):
        return StatusProblem(code="entries_lost", message=str(error))
    return StatusProblem(code="log_unavailable", message=str(error))


def _both(one: StatusProblem, other: StatusProblem | None) -> StatusProblem:
    return one if other is None else one.model_copy(update={"message": f"{one.message}; {other.message}"})
