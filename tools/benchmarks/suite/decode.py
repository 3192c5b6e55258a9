"""Decoding and checking log entries in one process, without servers. msgspec decodes the same without the checks."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec

from contracts.events import Event, read_stored
from tools.benchmarks.bench import Bench
from tools.benchmarks.process import Row
from tools.benchmarks.report import ratio


async def run(bench: Bench) -> list[Row]:
    """Measure both, the best of three."""
    payloads = [message.payload for message in bench.workload(bench.size(200_000, 5_000))]
    ways: dict[str, Callable[[bytes], object]] = {
        "Tailrace": partial(read_stored, logged_at=datetime.now(UTC)),
        "msgspec": msgspec.json.Decoder(Event).decode,
    }
    rows: list[Row] = []
    for name, decode in ways.items():
        took = []
        for _ in range(3):
            began = time.process_time()
            for payload in payloads:
                decode(payload)
            took.append((time.process_time() - began) / len(payloads))
        rows.append({"": name, "events/s": 1 / min(took), "process µs": min(took) * 1e6})
    return ratio(rows, "msgspec")
