"""The HTTP side of ``GET /stats``."""

from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from contracts.cursors import Cursor
from query.database import Pools
from query.problems import documented
from query.stats.answer import answer
from query.stats.export import as_csv, file_name
from query.stats.models import Stats
from query.stats.properties import Properties, PropertiesQuestion, list_properties
from query.stats.question import StatsQuestion
from query.waiting import read_position, wait_until_projected, wait_until_settled
from runtime.log.client import LogClient

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    304: {"description": "The answer that `If-None-Match` names is still current, apart from the lag."},
}


def stats_routes(pools: Pools, log: LogClient, timeout: float) -> APIRouter:
    """Returns the route; ``timeout`` limits the database time of one request, in seconds."""
    router = APIRouter(tags=["stats"])
    salt = uuid4().hex

    @router.get(
        "/stats",
        summary="Totals, event types, series",
        response_model=Stats,
        responses=_RESPONSES | documented(409, 422, 503, 504),
    )
    async def stats(
        question: Annotated[StatsQuestion, Query()],
        if_none_match: Annotated[str | None, Header(description="The `ETag` of an earlier answer.")] = None,
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """Counts events and users of a range or of all time: in total, per event type, and as a series.

        The whole answer is exact for the position of the log that `as_of.cursor` names.
        """
        if "text/csv" in (accept or ""):
            question = question.model_copy(update={"format": "csv"})
        pool = pools.top if question.top or question.where else pools.questions
        if question.min_cursor is not None:
            wanted = Cursor.parse(question.min_cursor)
            await wait_until_projected(lambda: read_position(pools.questions, timeout), wanted)
        if question.settled:
            await wait_until_settled(pools.questions, timeout)
        found = await answer(pool, log, question, timeout=timeout, salt=salt, if_none_match=if_none_match)
        headers = {"ETag": found.etag, "Cache-Control": "no-cache", "Vary": "Accept"}
        if found.stats is None:
            return Response(status_code=304, headers=headers)
        if question.format == "csv":
            named = question.top or "series"
            headers["Content-Disposition"] = f'attachment; filename="{file_name(named)}"'
            return Response(as_csv(found.stats), headers=headers, media_type="text/csv")
        # without validation by the model: for a long series that takes longer than counting
        return Response(msgspec.json.encode(found.stats), headers=headers, media_type="application/json")

    @router.get(
        "/stats/properties",
        summary="The properties that events have",
        response_model=Properties,
        responses=documented(422, 503, 504),
    )
    async def properties(question: Annotated[PropertiesQuestion, Query()]) -> Response:
        """Lists the properties of `event_data` that the newest events of a range have, for `top` and `where`.

        It looks at 5,000 events, so that rare properties may be missing. Objects are followed, arrays are not.
        """
        found = await list_properties(pools.top, question, timeout)
        return Response(msgspec.json.encode(found), media_type="application/json")

    return router
