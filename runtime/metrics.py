"""Metrics for Prometheus: a registry for each service, and ``GET /metrics``.

Metrics are defined in the ``metrics.py`` of their package and listed in docs/metrics.md. Labels have few values: never
an event type, a user, a client or a position.
"""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_fastapi_instrumentator.metrics import Info
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.loop_turns import TURNS

HTTP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Histogram bounds: from a cached count to the longest query."""
UNMEASURED = ("/health", "/metrics")
"""Paths that monitoring polls every few seconds."""


def new_registry() -> CollectorRegistry:
    """Returns a service's registry with the metrics of its process."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    build = Gauge("tailrace_build_info", "Always 1; the label is the version.", ["version"], registry=registry)
    build.labels(version("tailrace")).set(1)
    registry.register(TURNS)
    return registry


def serve_metrics(app: Starlette, registry: CollectorRegistry) -> Histogram:
    """Measures every response of ``app``, up to its first byte, and adds ``GET /metrics``; returns the measurements."""
    latency = Histogram(
        "tailrace_http_request_duration_seconds",
        "HTTP responses, and the seconds until their first byte.",
        ["handler", "method", "status"],
        buckets=HTTP_SECONDS,
        registry=registry,
    )

    def observe(info: Info) -> None:
        labels = latency.labels(handler=info.modified_handler, method=info.method, status=info.modified_status)
        labels.observe(info.modified_duration_without_streaming)

    app.add_middleware(
        PrometheusInstrumentatorMiddleware,
        registry=registry,
        excluded_handlers=UNMEASURED,
        instrumentations=[observe],
    )

    async def expose(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    app.router.routes.append(Route("/metrics", expose))
    return latency
