"""``/events`` over HTTP."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from query.events.listing import list_events
from query.events.models import EventsPage, EventsQuestion, TracedEvent
from query.events.tracing import trace_event
from query.problems import documented
from runtime.log.client import LogClient


def events_routes(pool: "asyncpg.Pool", log: LogClient, timeout: float) -> APIRouter:
    """The two routes; ``timeout`` bounds, in seconds, what one question may ask of the database."""
    router = APIRouter(tags=["events"])

    @router.get(
        "/events", summary="Single events, newest first", response_model=EventsPage, responses=documented(422, 503, 504)
    )
    async def events(question: Annotated[EventsQuestion, Query()]) -> Response:
        """Single events, newest first by `created_at`, page by page.

        Asking with `before` until `next` is null gives each event once; what arrives meanwhile and is older than the
        page you are at appears further down. Every event's `cursor` is a place in the log: `/ws?from=<cursor>` goes on
        from there. The page is answered also while the log does not answer.
        """
        return _json(await list_events(pool, log, question, timeout))

    @router.get(
        "/events/{event_id}",
        summary="Where an event is",
        response_model=TracedEvent,
        responses=documented(404, 422, 503, 504),
    )
    async def event(
        event_id: Annotated[UUID, Path(description="A UUID.", examples=["01998f3c-7c00-7000-8000-000000000001"])],
    ) -> Response:
        """Where an event is: projected, parked and why, or in the log and not projected yet.

        What is not in the read model is looked for in the log behind it, in up to 50,000 entries and 2 s. 404 says how
        far was looked. An event that was refused at the door was never logged: its sender was told.
        """
        return _json(await trace_event(pool, log, event_id, timeout))

    return router


def _json(answer: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
