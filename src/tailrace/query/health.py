"""``/ping``, ``/health/…`` and ``/status``: whether the service works, and where everything is."""

from datetime import UTC, datetime

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from tailrace.contracts.cursors import Cursor
from tailrace.query.database import QuestionTooSlowError, snapshot
from tailrace.query.live.sending import LiveClients
from tailrace.query.problems import documented
from tailrace.runtime.health import answer_live, answer_ready
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.log.lag import measure_lag
from tailrace.runtime.postgres import DatabaseUnavailableError

PATIENCE = 2.0
"""Seconds that the database gets to answer."""


class Alive(BaseModel):
    """The process runs."""

    status: str = Field(examples=["ok"])


class Health(BaseModel):
    """Both answer."""

    database: str = Field(examples=["ok"])
    log: str = Field(examples=["ok"])


class Status(BaseModel):
    """Where everything is; null is what can't be known while the log or the database does not answer."""

    live_clients: int = Field(description="Clients connected to `/ws`.")
    last_seq: int | None = Field(description="The log's end.")
    projected_seq: int | None = Field(description="Where the projection is.")
    lag_events: int | None = Field(description="Log entries not projected yet.")
    lag_seconds: float | None = Field(description="How long the oldest of them has been in the log.")
    parked: int | None = Field(description="Log entries that can't be projected.")
    started_at: datetime = Field(description="When this service started.")


def health_routes(pool: "asyncpg.Pool", log: LogClient, clients: LiveClients) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["operation"])
    started_at = datetime.now(UTC)

    @router.get("/ping", summary="Pong", response_class=PlainTextResponse)
    async def ping() -> str:
        """Answers `pong` as long as the service runs, whatever else does."""
        return "pong"

    @router.get("/health/live", summary="Whether the process runs", response_model=Alive)
    async def live() -> Response:
        """Whether the process runs: 200, whatever else does not."""
        return answer_live()

    @router.get(
        "/health/ready",
        summary="Whether the database and the log answer",
        response_model=Health,
        responses=documented(503),
    )
    @router.get("/health", response_model=Health, responses=documented(503), include_in_schema=False)
    async def ready() -> Response:
        """Whether the database and the log answer."""
        return await answer_ready({"database": lambda: _ask_database(pool), "log": log.state})

    @router.get("/status", summary="Where everything is")
    async def status() -> Status:
        """Numbers for a panel; answers even when nothing else does."""
        projected, parked = None, None
        try:
            async with snapshot(pool, PATIENCE) as ask:
                row = await ask.row("status")
            projected, parked = Cursor(row["epoch"], row["seq"], row["mark"]), row["parked"]
        except (DatabaseUnavailableError, QuestionTooSlowError):
            pass  # null says it
        lag = await measure_lag(log, projected or Cursor("", 0))
        return Status(
            live_clients=clients.count,
            last_seq=lag.last_seq,
            projected_seq=projected.seq if projected else None,
            lag_events=lag.events if projected else None,
            lag_seconds=lag.seconds if projected else None,
            parked=parked,
            started_at=started_at,
        )

    return router


async def _ask_database(pool: "asyncpg.Pool") -> None:
    async with snapshot(pool, PATIENCE) as ask:
        await ask.row("position")
