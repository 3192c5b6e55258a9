"""The metrics of the command service; docs/metrics.md lists them."""

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime.metrics import new_registry

APPEND_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Bounds: from one acknowledgement on one machine to the timeout."""


class Counters(Struct):
    """Events since the start. ``accepted`` includes ``duplicates``; ``pending`` are on their way into the log.

    ``unstored`` were not acknowledged by the log; most senders send them again.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    unstored: int = 0
    pending: int = 0


class CommandMetrics:
    """The metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.registry = new_registry()
        self.rejected = Counter(
            "tailrace_rejected_events", "Events that validation refused, by reason.", ["code"], registry=self.registry
        )
        self.append = Histogram(
            "tailrace_append_seconds",
            "Seconds until the log acknowledged a batch (1 to 1,000 events).",
            buckets=APPEND_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Counts(self.counters))


class _Counts(Collector):
    """Collects on request, so that counting an event costs one addition."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        counters = self._counters
        events = CounterMetricFamily(
            "tailrace_ingested_events",
            "Events by outcome: stored, duplicate (the log had it), rejected, unstored (not acknowledged).",
            labels=["outcome"],
        )
        events.add_metric(["stored"], counters.accepted - counters.duplicates)
        events.add_metric(["duplicate"], counters.duplicates)
        events.add_metric(["rejected"], counters.rejected)
        events.add_metric(["unstored"], counters.unstored)
        yield events
        yield GaugeMetricFamily("tailrace_pending_events", "Events on their way into the log.", counters.pending)
