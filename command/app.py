"""The command service's HTTP side: its routes, and every error as a problem."""

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from command.http import EventsEndpoint
from command.ingest import Ingest
from command.openapi import openapi_document
from runtime.docs_pages import docs_routes
from runtime.health import answer_live, answer_ready
from runtime.log.client import LogClient
from runtime.problems import problem


def build_app(
    ingest: Ingest,
    client: LogClient,
    asyncapi: "dict[str, object]",
    status: "dict[str, object]",
    *,
    max_body_bytes: int,
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
            Route("/events", EventsEndpoint(ingest, max_body_bytes=max_body_bytes).answer, methods=["POST"]),
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
