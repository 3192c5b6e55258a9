"""From publish to frame: the age of each event when the `/ws` frame with it arrives, for every client.

Publisher, service and clients are processes on one clock. `send_json` is the fan-out of most tutorials: it listens to
NATS before the log has stored an event, and what has not arrived 10 s after the last event is not waited for.
"""

from tools.benchmarks.bench import Bench
from tools.benchmarks.process import Meter, Row
from tools.benchmarks.report import ratio
from tools.benchmarks.sockets import clients, received

LATE = {"Tailrace": 60.0, "send_json": 10.0}  # seconds; an event that Tailrace does not deliver is a failure


async def run(bench: Bench) -> list[Row]:
    """Measure both services with one client and with many."""
    rows: list[Row] = []
    rate, seconds, many = (200, 2, 5) if bench.options.quick else (1_000, 15, 200)
    for number in (1, many):
        name = f"{number} client{'s' if number > 1 else ''}"
        measured = [{"": f"{name}: {peer}"} | await watch(bench, peer, number, rate, seconds) for peer in LATE]
        rows += ratio(measured, f"{name}: send_json", "p99 ms")
    return rows


async def watch(bench: Bench, peer: str, number: int, rate: int, seconds: int) -> Row:
    """Measure what so many clients of a service receive."""
    bench.say(f"{peer}, {number} clients")
    events = rate * seconds
    log = await bench.log()
    target = await bench.target(log)
    service = await bench.service(target, peer)
    process = await clients(bench, target.socket("latest"), number, events)
    meter = Meter(service=service.pid, NATS=log.pid)
    await bench.module("workload", log.url, rate, seconds).wait(seconds + 60)
    found = await received(process, LATE[peer])
    row = meter.row(events)
    await service.stop()
    if peer == "Tailrace" and found["fewest"] < events:
        raise AssertionError(f"a client received {found['fewest']:,} of {events:,} events")
    row |= {name: value for name, value in found.items() if name.endswith("ms")}
    row |= {"arrived %": 100 * found["events"] / (events * number), "events/frame": found["events"] / found["frames"]}
    return {name: value for name, value in row.items() if name != "events/s"}
