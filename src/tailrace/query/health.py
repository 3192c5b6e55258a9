"""``/ping``, ``/health`` and ``/status``: whether the service works, and where everything is."""

import asyncio
from datetime import UTC, datetime

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tailrace.contracts.cursors import Cursor
from tailrace.contracts.errors import LogUnavailableError, TailraceError
from tailrace.query.database import QuestionTooSlowError, snapshot
from tailrace.query.live.sending import LiveClients
from tailrace.query.problems import documented
from tailrace.query.stats.lag import measure_lag
from tailrace.runtime.log.client import LogClient
from tailrace.runtime.postgres import DatabaseUnavailableError
from tailrace.runtime.problems import problem

PATIENCE = 2.0
"""Seconds that the database and the log get to answer."""


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
    """The three routes."""
    router = APIRouter(tags=["operation"])
    started_at = datetime.now(UTC)

    @router.get("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        """Answers `pong` as long as the service runs, whatever else does."""
        return "pong"

    @router.get("/health", response_model=Health, responses=documented(503))
    async def health() -> Response:
        """Whether the database and the log answer."""
        database, the_log = await asyncio.gather(_ask_database(pool), _ask_log(log))
        parts = {"database": database, "log": the_log}
        failing = [sentence for sentence in parts.values() if sentence != "ok"]
        if failing:
            return problem(503, "Unhealthy", "; ".join(failing), headers={"Retry-After": "1"}, **parts)
        return JSONResponse(parts)

    @router.get("/status")
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


async def _ask_database(pool: "asyncpg.Pool") -> str:
    try:
        async with snapshot(pool, PATIENCE) as ask:
            await ask.row("position")
    except TailraceError as error:
        return str(error)
    return "ok"


async def _ask_log(log: LogClient) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await log.state()
    except LogUnavailableError as error:
        return str(error)
    except TimeoutError:
        return f"the log did not answer in {PATIENCE:g} s"
    return "ok"
