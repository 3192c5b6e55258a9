"""The HTTP side of ``/projections``."""

from typing import Annotated

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from query.errors import BadParameterError
from query.parameters import Identify
from query.problems import documented
from query.projections.answer import answer, list_all
from query.projections.models import Projections, Rows
from query.projections.question import PARAMETERS, RowsQuestion
from runtime.log.client import LogClient

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def projections_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float, identify: Identify) -> APIRouter:
    """Returns the two routes; ``timeout`` limits the database time of one request, in seconds."""
    router = APIRouter(tags=["projections"])

    @router.get(
        "/projections",
        summary="The projections",
        response_model=Projections,
        responses=documented(503, 504),
    )
    async def projections() -> Response:
        """Returns `pages`, which is built in, and each version of each declared projection, with their positions."""
        return _json(await list_all(pool, log, timeout))

    @router.get(
        "/projections/{name}",
        summary="The rows of a projection",
        response_model=Rows,
        responses=documented(404, 409, 422, 503, 504),
    )
    async def projection(
        name: Annotated[str, Path(description="Its name in snake case.", examples=["revenue"])],
        question: Annotated[RowsQuestion, Query()],
        request: Request,
    ) -> Response:
        """Returns rows of the live version, exact for the position of the log that `as_of.cursor` names.

        A `Rollup` adds up its buckets in a range. For a `Fold` or `Sql`, any column is a parameter too:
        `?user_id=123` returns the rows with this value.
        """
        equal: dict[str, str] = {}
        for parameter, text in request.query_params.multi_items():
            if parameter in equal:
                raise BadParameterError(f"{parameter[:64]}: it is given twice")
            if parameter not in PARAMETERS:
                equal[parameter] = text
        return _json(await answer(pool, log, name, question, equal, timeout, identify))

    return router


def _json(found: Projections | Rows) -> Response:
    return Response(_encoder.encode(found), media_type="application/json")
