"""The metrics of the projection service; docs/metrics.md lists them."""

import math
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from contracts.cursors import Cursor
from projection.batch import Batch
from projection.projector import Observer
from projection.sampling import Sample
from projection.store import Committed
from runtime.metrics import new_registry
from runtime.tracing import Tracing

COMMIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""From a batch of one event to a database that hardly keeps up."""
_SAMPLED = {
    "log_first_seq": ("tailrace_log_first_sequence", "The log's first entry."),
    "log_last_seq": ("tailrace_log_last_sequence", "The log's last entry."),
    "log_entries": ("tailrace_log_entries", "Entries in the log."),
    "log_bytes": ("tailrace_log_bytes", "Size of the log."),
    "inbox_waiting": ("tailrace_inbox_waiting_messages", "Inbox messages that are not in the log yet."),
    "rejected": ("tailrace_rejected_kept_messages", "Rejected messages that are stored with their reason."),
    "projected_seq": ("tailrace_projected_sequence", "The last log entry that is in the live model."),
    "lag_events": ("tailrace_lag_events", "Log entries that are not in the live model yet."),
    "lag_seconds": ("tailrace_lag_seconds", "Age in the log of the oldest of them."),
    "parked": ("tailrace_parked_events", "Log entries that could not be projected and wait for a retry."),
    "late_pending": ("tailrace_late_pending_events", "Late events that TimescaleDB's aggregates lack."),
    "database_bytes": ("tailrace_database_bytes", "Size of the database."),
}


class ProjectionMetrics:
    """The projection service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.entries = Counter(
            "tailrace_projected_entries",
            "Log entries by outcome: stored, duplicate (the id was known), parked.",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.commit = Histogram(
            "tailrace_projection_commit_seconds",
            "Seconds of one batch's transaction.",
            ["model"],
            buckets=COMMIT_SECONDS,
            registry=self.registry,
        )
        self.active = Gauge(
            "tailrace_projector_active",
            "1: this service projects the model; 0: it stands by or waits for the log or the database.",
            ["model"],
            registry=self.registry,
        )
        self._sampled = {
            column: Gauge(name, f"{text} NaN: unknown.", registry=self.registry)
            for column, (name, text) in _SAMPLED.items()
        }
        self.lag = Gauge(
            "tailrace_projection_lag_events",
            "Log entries that a projection of your own does not have yet. NaN: unknown.",
            ["projection"],
            registry=self.registry,
        )
        self.failed = Gauge(
            "tailrace_projection_failed",
            "1: a projection of your own has stopped; `tailrace status` names the reason.",
            ["projection"],
            registry=self.registry,
        )
        self.show(None)

    def show(self, sample: Sample | None) -> None:
        """Sets the gauges of the whole pipeline; None: nothing is known."""
        known = {**sample._asdict(), **sample.log._asdict()} if sample else {}
        for column, gauge in self._sampled.items():
            value = known.get(column)
            gauge.set(math.nan if value is None else value)
        self.lag.clear()
        self.failed.clear()
        for name, (lag, failed) in (sample.projections if sample else {}).items():
            self.lag.labels(name).set(math.nan if lag is None else lag)
            self.failed.labels(name).set(failed)

    def forget(self, model: str) -> None:
        """Removes the metrics of a dropped model."""
        for outcome in ("stored", "duplicate", "parked"):
            self.entries.remove(model, outcome)
        self.commit.remove(model)
        self.active.remove(model)


class ModelObserver(Observer):
    """Counts, times and traces the work on one model."""

    def __init__(self, metrics: ProjectionMetrics, tracing: Tracing, model: str) -> None:
        self._stored, self._duplicates, self._parked = (
            metrics.entries.labels(model, outcome) for outcome in ("stored", "duplicate", "parked")
        )
        self._commit = metrics.commit.labels(model)
        self._active = metrics.active.labels(model)
        self._tracing = tracing
        self._model = model
        self.problem: str | None = None
        """Why the database refuses the work."""

    def standing_by(self) -> None:
        """See ``Observer.standing_by``."""
        self._active.set(0)
        self.problem = None

    def waits(self, problem: str | None) -> None:
        """See ``Observer.waits``."""
        self.problem = problem

    def active(self) -> None:
        """See ``Observer.active``."""
        self._active.set(1)

    def ended(self) -> None:
        """See ``Observer.ended``."""
        self._active.set(0)

    def at(self, position: Cursor) -> None:
        """See ``Observer.at``; the live model's position is sampled."""

    def committed(self, batch: Batch, done: Committed, began: int, ended: int) -> None:
        """See ``Observer.committed``."""
        self._stored.inc(done.stored)
        self._duplicates.inc(done.duplicates)
        self._parked.inc(done.parked)
        self._commit.observe((ended - began) / 1e9)
        if self._tracing.is_on:
            attributes = {
                "tailrace.model": self._model,
                "tailrace.first_sequence": batch.entries[0].seq,
                "tailrace.last_sequence": batch.entries[-1].seq,
                "messaging.batch.message_count": len(batch.entries),
            }
            self._tracing.processed("project", list(_traced(batch)), began, ended, **attributes)


def _traced(batch: Batch) -> "Iterable[tuple[str, dict[str, int]]]":
    for entry in batch.entries:
        if entry.traceparent:
            yield entry.traceparent, {"tailrace.sequence": entry.seq}
