"""The metrics of the query service; docs/metrics.md lists the same names."""

from collections.abc import Iterable

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from query.database import Pools
from query.live.sending import LiveClients
from query.live.tail import Tail
from runtime.metrics import new_registry


class QueryMetrics:
    """The metrics of the query service, in their own registry."""

    def __init__(self, pools: Pools, tail: Tail, clients: LiveClients) -> None:
        self.registry = new_registry()
        closed = Counter(
            "tailrace_live_closed",
            "Live clients that the service closed, by close code (see /ws); 0: the client disconnected.",
            ["code"],
            registry=self.registry,
        )
        clients.on_closed = lambda code: closed.labels(str(code)).inc()
        self.registry.register(_OnScrape(pools, tail, clients))


class _OnScrape(Collector):
    """Values that are read only on a scrape, so that sending frames costs no more."""

    def __init__(self, pools: Pools, tail: Tail, clients: LiveClients) -> None:
        self._pools = pools
        self._tail = tail
        self._clients = clients

    def collect(self) -> Iterable[Metric]:
        connections = GaugeMetricFamily(
            "tailrace_database_connections", "Connections to the database by state: busy, idle.", labels=["state"]
        )
        idle = sum(pool.get_idle_size() for pool in self._pools)
        connections.add_metric(["busy"], sum(pool.get_size() for pool in self._pools) - idle)
        connections.add_metric(["idle"], idle)
        yield connections
        yield GaugeMetricFamily("tailrace_live_clients", "Clients of /ws and /sse.", self._clients.count)
        yield CounterMetricFamily("tailrace_live_frames", "Frames sent to live clients.", self._clients.frames)
        ring = self._tail.ring
        yield GaugeMetricFamily(
            "tailrace_live_sequence",
            "Last log entry that live clients can receive; 0 while the service cannot follow the log.",
            ring.end.seq if ring else 0,
        )
