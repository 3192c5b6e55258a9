"""``/ping``, ``/health/live``, ``/health/ready`` and ``/status``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import asyncpg
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from migrations.projections import list_failed
from query.database import snapshot
from query.errors import QueryTimeoutError
from query.problems import documented
from query.status import DATABASE_TIMEOUT, Status, read_status
from runtime.health import answer_live, answer_ready
from runtime.log.client import LogClient
from runtime.postgres import DatabaseUnavailableError


class Liveness(BaseModel):
    """The process runs."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """The database and the log answer."""

    status: Literal["ok", "degraded"] = Field(
        description="`degraded`: a projection of your own has stopped; everything else works. Without a key, an answer "
        "has only this member."
    )
    detail: str | None = Field(None, description="What has stopped, and why; only if it is degraded.")
    database: str = Field(examples=["ok"])
    log: str = Field(examples=["ok"])
    warnings: list[str] = Field([], description="Troubles that do not stop the service, such as refused connections.")


def health_routes(pool: "asyncpg.Pool", log: LogClient, live_clients: Callable[[], int]) -> APIRouter:
    """Returns the routes; ``live_clients`` returns the number of connected clients."""
    router = APIRouter(tags=["operation"])
    started_at = datetime.now(UTC)

    @router.get("/ping", summary="Pong", response_class=PlainTextResponse)
    async def ping() -> str:
        """Answers `pong` while the process runs."""
        return "pong"

    @router.get("/health/live", summary="Whether the process runs", response_model=Liveness)
    async def live() -> Response:
        """Answers 200 while the process runs, even if the database or the log is away."""
        return answer_live()

    @router.get(
        "/health/ready",
        summary="Whether the database and the log answer",
        response_model=Readiness,
        responses=documented(503),
    )
    @router.get("/health", response_model=Readiness, responses=documented(503), include_in_schema=False)
    async def ready(request: Request) -> Response:
        """Answers 200 if the database and the log answer, 503 otherwise; a stopped projection only degrades it."""
        checks = {"database": lambda: _ask_database(pool), "log": log.state}
        return await answer_ready(checks, request.scope, lambda: _find_troubles(pool))

    @router.get("/status", summary="State of the pipeline")
    async def status() -> Status:
        """Returns the position and lag of the read model. Answers 200 even if the database and the log are away."""
        return await read_status(pool, log, live_clients=live_clients(), started_at=started_at)

    return router


async def _find_troubles(pool: "asyncpg.Pool") -> list[str]:
    try:
        async with snapshot(pool, DATABASE_TIMEOUT) as ask:
            return [model.trouble for model in await list_failed(ask.connection)]
    except (DatabaseUnavailableError, QueryTimeoutError):
        return []  # it has just answered: the next request names it


async def _ask_database(pool: "asyncpg.Pool") -> None:
    async with snapshot(pool, DATABASE_TIMEOUT) as ask:
        await ask.position()
