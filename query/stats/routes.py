"""``GET /stats`` over HTTP."""

from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import msgspec
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from contracts.cursors import Cursor
from query.problems import documented
from query.stats.answer import answer
from query.stats.models import Stats
from query.stats.question import StatsQuestion
from query.stats.waiting import until_projected, until_settled
from runtime.log.client import LogClient

_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names is still the answer, but for the lag."}
}


def stats_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> APIRouter:
    """The route; ``timeout`` bounds, in seconds, what one question may ask of the database."""
    router = APIRouter(tags=["stats"])
    salt = uuid4().hex

    @router.get(
        "/stats",
        summary="Totals, types, series",
        response_model=Stats,
        responses=_UNCHANGED | documented(409, 422, 503, 504),
    )
    async def stats(
        question: Annotated[StatsQuestion, Query()],
        if_none_match: Annotated[
            str | None, Header(description="The `ETag` of an answer that is there already.")
        ] = None,
    ) -> Response:
        """Events and users: in a range or altogether, per event type, and as a series over time.

        The answer is exact for the position of the log that `as_of.cursor` names, and all of it is of that position.
        """
        if question.min_cursor is not None:
            await until_projected(pool, Cursor.parse(question.min_cursor), timeout)
        if question.settled:
            await until_settled(pool, timeout)
        found = await answer(pool, log, question, timeout=timeout, salt=salt, if_none_match=if_none_match)
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if found.stats is None:
            return Response(status_code=304, headers=headers)
        # as it is: to check a long series against its model takes longer than to count it
        return Response(msgspec.json.encode(found.stats), headers=headers, media_type="application/json")

    return router
