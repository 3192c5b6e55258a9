"""``GET /stats`` over HTTP."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Query

from tailrace.contracts.cursors import Cursor
from tailrace.query.problems import documented
from tailrace.query.stats.answer import answer
from tailrace.query.stats.models import Stats, StatsQuestion
from tailrace.query.stats.waiting import until_projected, until_settled
from tailrace.runtime.log.client import LogClient


def stats_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> APIRouter:
    """The route; ``timeout`` bounds, in seconds, what one question may ask of the database."""
    router = APIRouter(tags=["stats"])

    @router.get("/stats", responses=documented(409, 422, 503, 504))
    async def stats(question: Annotated[StatsQuestion, Query()]) -> Stats:
        """Events and users: in a range or altogether, per event type, and as a series over time.

        The answer is exact for the position of the log that `as_of.cursor` names, and all of it is of that position.
        """
        if question.min_cursor is not None:
            await until_projected(pool, Cursor.parse(question.min_cursor), timeout)
        if question.settled:
            await until_settled(pool, timeout)
        return await answer(pool, log, question, timeout)

    return router
