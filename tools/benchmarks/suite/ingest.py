"""Events over HTTP, answered once the log has stored them: one by one on 64 connections, and 500 at a time as NDJSON.

A bare route decodes the event and answers without publishing. The raw publisher speaks NATS and nothing else, to one
server and to a cluster of three with three copies, all on this machine: the limits of what the log accepts.
"""

import json

from tools.benchmarks.bench import Bench, Target, appended
from tools.benchmarks.process import Meter, Process, Row
from tools.benchmarks.report import ratio
from tools.benchmarks.workload import publishing

PER_REQUEST = 500


async def run(bench: Bench) -> list[Row]:
    """Measure the command service, the bare route and the raw publisher."""
    target = await bench.target(await bench.log())
    service = await bench.tailrace(target, "serve", "command")
    rows = [{"": "POST"} | await load(bench, target, service, 1)]
    rows.append({"": "NDJSON"} | await load(bench, target, service, PER_REQUEST))
    projector = await bench.tailrace(target, "serve", "projection")
    rows.append({"": "NDJSON, projector running"} | await load(bench, target, service, PER_REQUEST))
    await bench.follow(target, projector, await appended(target.log))
    await projector.stop()
    await service.stop()
    await bench.verify(target)
    service = await bench.service(target, "route", target.command)
    rows.append({"": "bare route"} | await load(bench, target, service, 1))
    for servers, name in ((1, "raw publisher"), (3, "raw publisher, 3 copies")):
        log, messages = await bench.log(servers), list(bench.workload(bench.size(200_000, 5_000)))
        await bench.target(log, TAILRACE_REPLICAS=str(servers))
        bench.say(name)
        async with publishing(log.url) as publisher:
            meter = Meter(NATS=log.pid)
            await publisher.publish_all(iter(messages))
            rows.append({"": name} | meter.row(len(messages)))
    return ratio(ratio(rows, "bare route"), "raw publisher")


async def load(bench: Bench, target: Target, service: Process, events: int) -> Row:
    """Measure a service that gets requests of so many events."""
    bench.say(f"requests of {events} events")
    connections, seconds = (4, 2) if bench.options.quick else (64 if events == 1 else 4, 10)
    meter = Meter(target.postgres, process=service.pid, NATS=target.log.pid)
    clients = bench.module("http_load", target.command.rpartition(":")[2], connections, events, seconds)
    found = json.loads(await clients.wait(seconds + 60))
    row = meter.row(found["accepted"]) | {"events/s": found["accepted"] / found["seconds"]}
    return row | {name: found[name] for name in ("p50 ms", "p99 ms")}
