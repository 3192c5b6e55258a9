"""The HTTP side of ``GET /retention``."""

from typing import Annotated

import asyncpg
import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts.cursors import Cursor
from query.problems import documented
from query.retention.answer import Retention, answer
from query.retention.question import RetentionQuestion
from query.waiting import read_position, wait_until_projected
from runtime.log.client import LogClient


def retention_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> APIRouter:
    """Returns the route; ``timeout`` limits the database time of one request, in seconds."""
    router = APIRouter(tags=["stats"])

    @router.get(
        "/retention",
        summary="Users that return",
        response_model=Retention,
        responses=documented(409, 422, 503, 504),
    )
    async def retention(question: Annotated[RetentionQuestion, Query()]) -> Response:
        """Divides users into cohorts by their first event of a type, and counts who returns in each later bucket.

        Exact for the position of the log that `as_of.cursor` names.
        """
        if question.min_cursor is not None:
            await wait_until_projected(lambda: read_position(pool, timeout), Cursor.parse(question.min_cursor))
        found = await answer(pool, log, question, timeout=timeout)
        return Response(msgspec.json.encode(found), media_type="application/json")

    return router
