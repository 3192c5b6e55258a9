"""The HTTP side of ``/events``."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from query.events.listing import list_events
from query.events.lookup import find_event
from query.events.models import EventsPage, EventsQuestion, FoundEvent
from query.parameters import Identify, user_id_of
from query.problems import documented
from runtime.log.client import LogClient


def events_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float, identify: Identify) -> APIRouter:
    """Returns the two routes; ``timeout`` limits the database time of one request, in seconds."""
    router = APIRouter(tags=["events"])

    @router.get(
        "/events", summary="Single events, newest first", response_model=EventsPage, responses=documented(422, 503, 504)
    )
    async def events(question: Annotated[EventsQuestion, Query()]) -> Response:
        """Returns single events, newest first by `created_at`, page by page.

        Following `next` with `before` until it is null returns each event once. Events that arrive meanwhile and are
        older than the current page appear on a later page. The `cursor` of an event is its position in the log:
        `/ws?from=<cursor>` continues from there. This endpoint also works while the log does not answer.
        """
        return _json(await list_events(pool, log, question, user_id_of(question.user_id, identify), timeout))

    @router.get(
        "/events/{event_id}",
        summary="Where an event is",
        response_model=FoundEvent,
        responses=documented(404, 422, 503, 504),
    )
    async def event(
        event_id: Annotated[UUID, Path(description="A UUID.", examples=["01998f3c-7c00-7000-8000-000000000001"])],
    ) -> Response:
        """Returns the state of an event: projected, parked with a reason, or in the log and not projected yet.

        If the read model does not have it, the search continues in the log, for up to 50,000 entries and 2 s. A 404
        names what was searched. A rejected event was never appended to the log; its sender received the reason.
        """
        return _json(await find_event(pool, log, event_id, timeout))

    return router


def _json(answer: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
