"""``/ping``, ``/health/…`` and ``/status``: whether the service works, and where everything is."""

from datetime import UTC, datetime

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from query.database import snapshot
from query.live.sending import LiveClients
from query.problems import documented
from query.status import PATIENCE, Status, read_status
from runtime.health import answer_live, answer_ready
from runtime.log.client import LogClient


class Alive(BaseModel):
    """The process runs."""

    status: str = Field(examples=["ok"])


class Health(BaseModel):
    """Both answer."""

    database: str = Field(examples=["ok"])
    log: str = Field(examples=["ok"])


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
        """Numbers for a panel; answers even when nothing else does, and says what is wrong then."""
        return await read_status(pool, log, live_clients=clients.count, started_at=started_at)

    return router


async def _ask_database(pool: "asyncpg.Pool") -> None:
    async with snapshot(pool, PATIENCE) as ask:
        await ask.row("position")
