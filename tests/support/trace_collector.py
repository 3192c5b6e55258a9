"""A trace collector (OTLP over HTTP)."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2


class Span(NamedTuple):
    """A span. Ids are in hex; ``parent`` is "" for root spans."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str | int]


class Collector:
    """Collects the spans that are sent to ``url``."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.spans: list[Span] = []
        self.arrived = threading.Condition()

    def add(self, request: ExportTraceServiceRequest) -> None:
        with self.arrived:
            for resource in request.resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.spans += [_span(named["service.name"], span) for span in scope.spans]
            self.arrived.notify_all()

    def of_trace(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]

    def wait_for(self, trace: str, names: set[str], timeout: float = 20) -> list[Span]:
        """Waits for the ``names`` ("service span"), and returns all spans of the trace."""
        with self.arrived:
            arrived = self.arrived.wait_for(
                lambda: names <= {f"{span.service} {span.name}" for span in self.of_trace(trace)}, timeout
            )
            assert arrived, f"expected {names}, found {self.spans}"
            return self.of_trace(trace)


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.span_id.hex() for link in span.links),
        {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
    )


@contextmanager
def running_collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.add(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
