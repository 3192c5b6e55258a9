"""``just bench live``: how old an event is when its frame arrives, beside the fan-out of most tutorials."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from runtime.settings import Settings
from tools.benchmarks.report import Report, milliseconds, number, percent, ratio, table, times
from tools.benchmarks.stage import Stage
from tools.benchmarks.watching.messages import Pulse, Pulsed, Watch, Watched
from tools.benchmarks.watching.running import GRACE, PEERS, Peer, publish, serving_live, watching


class Lived(NamedTuple):
    """What so many clients of a service got of what was published."""

    peer: Peer
    clients: int
    pulsed: Pulsed
    watched: Watched

    @property
    def arrived(self) -> float:
        """The share of all events, for all clients, that has arrived."""
        return self.watched.events / (self.pulsed.published * self.clients)

    def as_json(self) -> dict[str, Any]:
        """For machines; times in seconds, CPU time in cores."""
        latency = self.watched.latency
        service_cpu, clients_cpu = self.pulsed.cpu_of
        return {
            "peer": self.peer,
            "clients": self.clients,
            "published": self.pulsed.published,
            "published_per_second": self.pulsed.per_second,
            "arrived": self.arrived,
            "events_per_frame": ratio(self.watched.events, self.watched.frames),
            "p50": latency.p50 if latency else None,
            "p99": latency.p99 if latency else None,
            "longest": latency.longest if latency else None,
            "service_cpu": service_cpu,
            "clients_cpu": clients_cpu,
            "producer_cpu": self.pulsed.cpu,
        }


async def bench_live(stage: Stage, *, rate: float, clients: int, seconds: float) -> Report:
    """Publishes ``rate`` events a second for ``seconds``, to one client and to many, of either service."""
    counts = sorted({1, clients})
    async with stage.database() as settings:
        of_peers = [await _live(stage, settings, peer, Pulse(rate, seconds), counts) for peer in PEERS]
    lived = [of_peer[number] for number in range(len(counts)) for of_peer in of_peers]
    return _report(f"bench live --rate {rate:g} --clients {clients} --seconds {seconds:g}", lived)


async def _live(stage: Stage, settings: Settings, peer: Peer, pulse: Pulse, counts: list[int]) -> list[Lived]:
    expected = max(round(pulse.rate * pulse.seconds), 1)
    lived = []
    async with serving_live(stage, settings, peer) as service:
        for clients in counts:
            stage.progress.say(f"{pulse.rate:,.0f} events/s from {peer}, clients: {clients:,}")
            pid, latest = service.program.pid, service.socket(**{"from": "latest"})
            watch = Watch(latest, clients, pid, timed=True, events=expected)
            async with watching(stage, settings, watch) as watchers:
                measured = msgspec.structs.replace(pulse, cpu_of=[pid, watchers.program.pid])
                pulsed = await publish(stage, settings, measured)
                lived.append(Lived(peer, clients, pulsed, await watchers.stop(GRACE[peer])))
    return lived


def _report(command: str, lived: list[Lived]) -> Report:
    found = [one.as_json() for one in lived]
    ours, naive = found[-2:]
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("published, events/s", "published_per_second", number),
        ("arrived", "arrived", percent),
        ("p50, ms", "p50", milliseconds),
        ("p99, ms", "p99", milliseconds),
        ("longest, ms", "longest", milliseconds),
        ("events in a frame", "events_per_frame", times),
        ("CPU of the service, cores", "service_cpu", times),
        ("CPU of the clients, cores", "clients_cpu", times),
        ("CPU of the producer, cores", "producer_cpu", times),
    ]
    ratios = {key: ratio(naive[key] or 0, ours[key] or 0) for key in ("p50", "p99", "longest", "service_cpu")}
    head = ["", *(f"{one['peer']}, {one['clients']:,}" for one in found), "send_json / Tailrace"]
    rows = [
        [title, *("" if one[key] is None else show(one[key]) for one in found), times(ratios.get(key))]
        for title, key, show in shown
    ]
    incomplete = [one for one in lived if one.peer == "Tailrace" and one.watched.fewest < one.pulsed.published]
    return Report(
        "live",
        command,
        "Live",
        f"From publish to frame: {lived[0].pulsed.published:,} events, each published to the log when it is due and "
        "carrying that time, and when the `/ws` frame with it has arrived, for every event and every one of "
        f"{' and of '.join(f'{one.clients:,}' for one in lived[::2])} clients. Service, producer and clients are a "
        "process each, on the same clock; no projector runs. send_json is the fan-out of most tutorials, `send_json` "
        "of each event to each client in turn, on the same server; it listens to NATS, before the log has stored "
        f"anything, and promises nothing. What has not arrived from it {GRACE['send_json']:.0f} s after the last event "
        f"is not waited for. The ratio is of {lived[-1].clients:,} clients.",
        table(head, rows),
        {"measured": found, "ratios": ratios},
        "a client of /ws did not get every event" if incomplete else None,
    )
