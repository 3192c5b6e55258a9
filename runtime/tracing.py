"""OpenTelemetry traces, enabled by the standard ``OTEL_*`` variables; without them nothing is imported.

A traced event carries its trace through the log in the header ``traceparent`` (W3C Trace Context).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

TRACEPARENT = "traceparent"
FLUSH_TIMEOUT = 1.5
"""Seconds to export the last spans at shutdown."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_UNTRACED = "/health,/metrics,/ws,/sse"
"""Paths without spans: monitoring, and streams that last for hours."""


class Tracing:
    """Creates spans; does nothing without a provider."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("tailrace") if provider else None

    @property
    def is_on(self) -> bool:
        """Whether spans are created."""
        return self._tracer is not None

    @contextmanager
    def producing(self, name: str, **attributes: Any) -> Iterator[dict[str, str]]:
        """Opens a span around sent messages; yields the headers that carry it, {} if it is not sampled."""
        if self._tracer is None:
            yield {}
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        with self._tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=attributes) as span:
            headers: dict[str, str] = {}
            if span.get_span_context().trace_flags.sampled:
                TraceContextTextMapPropagator().inject(headers)
                headers.pop("tracestate", None)
            yield headers

    def processed(
        self, name: str, traceparents: "list[tuple[str, dict[str, Any]]]", began: int, ended: int, **attributes: Any
    ) -> None:
        """Records a span for work on messages, and a span in each message's trace that links to it.

        ``traceparents`` are the messages' headers with their spans' attributes; times are in ns since 1970.
        """
        if self._tracer is None or not traceparents:
            return
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        whole = self._tracer.start_span(name, Context(), SpanKind.CONSUMER, attributes, start_time=began)
        link = Link(whole.get_span_context())
        for header, of_message in traceparents:
            parent = TraceContextTextMapPropagator().extract({TRACEPARENT: header}, Context())
            one = self._tracer.start_span(name, parent, SpanKind.CONSUMER, of_message, [link], start_time=began)
            one.end(ended)
        whole.end(ended)

    def trace_http(self, app: Starlette) -> None:
        """Adds a span for each request to ``app``, in the trace of its headers."""
        if self.provider is None:
            return
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

        app.add_middleware(
            OpenTelemetryMiddleware,
            excluded_urls=_UNTRACED,
            tracer_provider=self.provider,
            exclude_spans=["receive", "send"],
        )

    def close(self) -> None:
        """Exports the remaining spans, for at most ``FLUSH_TIMEOUT`` seconds."""
        if self.provider is not None:
            # an unreachable collector must not delay the shutdown
            flushing = threading.Thread(target=self.provider.shutdown, daemon=True)
            flushing.start()
            flushing.join(FLUSH_TIMEOUT)


def start_tracing(service: str) -> Tracing:
    """Returns the tracing that the environment asks for: off, unless it names an exporter or an endpoint.

    Raises:
        ConfigurationError: the exporter or the protocol is not supported.
    """
    named = os.environ.get("OTEL_TRACES_EXPORTER", "")
    exporter = named or ("otlp" if any(os.environ.get(name) for name in _ENDPOINTS) else "none")
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return Tracing()
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    sink: SpanExporter
    if exporter == "console":
        sink = ConsoleSpanExporter()
    elif exporter == "otlp":
        protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
        if protocol != "http/protobuf":
            raise ConfigurationError(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: only http/protobuf is supported")
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        sink = OTLPSpanExporter()
    else:
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER={exporter}: expected otlp, console or none")
    # a name in the environment wins
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"tailrace-{service}"}
    provider = TracerProvider(resource=Resource.create(name), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(sink))
    return Tracing(provider)
