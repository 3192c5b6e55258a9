"""The command service's HTTP side: its routes, and every error as a problem."""

from time import perf_counter

import msgspec
from prometheus_client import Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from command.http import EventsEndpoint
from command.ingest import Ingest
from command.openapi import openapi_document
from runtime.docs_pages import docs_routes
from runtime.health import answer_live, answer_ready
from runtime.log.client import LogClient
from runtime.problems import problem


class HotRoute:
    """Passes ``POST /events`` to its endpoint and measures it; the rest goes to the app with its middlewares."""

    def __init__(self, endpoint: ASGIApp, app: ASGIApp, latency: Histogram) -> None:
        self._endpoint = endpoint
        self._app = app
        self._observe = {
            group: latency.labels(handler="/events", method="POST", status=f"{group}xx").observe
            for group in range(1, 6)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http" or scope["path"] != "/events" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        began = perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe[message["status"] // 100](perf_counter() - began)
            await send(message)

        await self._endpoint(scope, receive, measured)


def build_app(
    events: EventsEndpoint,
    ingest: Ingest,
    client: LogClient,
    asyncapi: "dict[str, object]",
    status: "dict[str, object]",
) -> Starlette:
    """The ASGI app. ``asyncapi`` is the document to serve, ``status`` what ``GET /status`` adds to the counters."""

    async def live(request: Request) -> Response:
        return answer_live()

    async def ready(request: Request) -> Response:
        return await answer_ready({"log": client.state})

    async def counters(request: Request) -> Response:
        return _json({**msgspec.structs.asdict(ingest.counters), **status})

    async def document(request: Request) -> Response:
        return _json(asyncapi)

    async def openapi(request: Request) -> Response:
        return _json(openapi_document())

    return Starlette(
        routes=[
            Route("/events", events, methods=["POST"]),
            Route("/health", ready),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/status", counters),
            Route("/openapi.json", openapi),
            Route("/asyncapi.json", document),
            *docs_routes("Tailrace command"),
        ],
        exception_handlers={HTTPException: _as_problem},
    )


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _as_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }.get(error.status_code, error.detail)
    return problem(error.status_code, error.detail, sentence, headers=dict(error.headers or {}))
