"""The HTTP side of the command service: its routes, and errors as problem+json."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec
from prometheus_client import Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from command.answers import Status
from command.browser import SCRIPT_PATH, script_route
from runtime.access.guard import OPEN_PATHS, Rules
from runtime.docs_pages import docs_routes
from runtime.health import Check, health_routes
from runtime.problems import http_problem

RULES = Rules(default="write", paths={"/status": "read", "/metrics": "metrics"}, open=OPEN_PATHS, public=(SCRIPT_PATH,))
"""Which keys the paths need."""


class HotRoute:
    """Passes ``POST /events`` straight to its endpoint and measures it; the app with its middlewares gets the rest."""

    def __init__(self, endpoint: ASGIApp, app: ASGIApp, latency: Histogram) -> None:
        self._endpoint = endpoint
        self._app = app
        self._observe = {group: latency.labels("/events", "POST", f"{group}xx").observe for group in range(1, 6)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, WebSocket or lifespan."""
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
    events: ASGIApp,
    *,
    ready: Check,
    status: Callable[[], Status],
    openapi: dict[str, Any],
    asyncapi: dict[str, Any],
) -> Starlette:
    """Returns the app. ``events`` answers ``POST /events``; ``ready`` raises if the log does not answer."""

    async def counts(request: Request) -> Response:
        return _json(status())

    app = Starlette(
        routes=[
            Route("/events", events, methods=["POST"]),
            *health_routes({"log": ready}),
            Route("/status", counts),
            Route("/openapi.json", _json(openapi)),
            Route("/asyncapi.json", _json(asyncapi)),
            *docs_routes("Tailrace command"),
            script_route(),
        ],
        exception_handlers={HTTPException: http_problem},
    )
    app.router.redirect_slashes = False  # a redirect repeats the request's Host
    return app


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
