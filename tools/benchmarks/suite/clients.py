"""What clients of `/ws` cost one process of the service: at full speed, and idle.

At full speed all clients connect and receive every event that the service keeps; the rate is of events to all clients,
CPU time is per event and client. `send_json`, the fan-out of most tutorials, sends one of 50 of the events. Memory per
idle client is that of the service's process, without what the kernel holds for a connection.
"""

from tools.benchmarks.bench import Bench
from tools.benchmarks.process import Meter, Row
from tools.benchmarks.report import ratio
from tools.benchmarks.sockets import clients, received


async def run(bench: Bench) -> list[Row]:
    """Measure both services."""
    rows: list[Row] = []
    number, idle, entries = (5, 20, 1_000) if bench.options.quick else (200, 1_000, bench.size(100_000, 0))
    for peer, kept in (("Tailrace", entries), ("send_json", entries // 50)):
        log = await bench.log()
        target = await bench.target(log)
        service = await bench.service(target, peer, TAILRACE_LIVE_RING=str(kept))
        await clients(bench, target.socket("latest"), 1, -1)  # the first client loads what the others find loaded
        before = service.memory()
        waiting = await clients(bench, target.socket("latest"), idle, -1)
        per_client = (service.memory() - before) / idle
        await waiting.stop()
        await bench.fill(log, bench.workload(kept))
        bench.say(f"{kept:,} events from {peer} to {number} clients")
        meter = Meter(service=service.pid)
        found = await received(await clients(bench, target.socket("earliest"), number), 600)
        row = meter.row(found["events"]) | {"events/s": found["events"] / found["seconds"], "clients": number}
        await service.stop()
        if found["fewest"] < kept:
            raise AssertionError(f"a client of {peer} received {found['fewest']:,} of {kept:,} events")
        extra = {"events/frame": found["events"] / found["frames"], "kB/idle client": per_client / 1e3}
        rows.append({"": peer} | row | extra)
    return ratio(rows, "send_json")
