"""The projection service's HTTP side: whether it works, and its metrics."""

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.health import Check, answer_live, answer_ready
from runtime.metrics import serve_metrics


def make_app(log: Check, models: Check, registry: CollectorRegistry) -> Starlette:
    """The ASGI app; ``log`` and ``models`` are asked whether the log answers and the models are projected."""

    async def live(request: Request) -> Response:
        return answer_live()

    async def ready(request: Request) -> Response:
        return await answer_ready({"log": log, "models": models})

    app = Starlette(routes=[Route("/health/live", live), Route("/health/ready", ready)])
    serve_metrics(app, registry)
    return app
