"""Decoding and checking log entries in one process, without servers. msgspec decodes the same without the checks.

The projector decodes batches; other readers decode entry by entry.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from contracts.decoding import decode_plain
from contracts.entries import LogEntry
from contracts.events import Event, read_stored
from contracts.upcasting import NO_UPCASTERS
from projection.decode import decode
from tools.benchmarks.bench import Bench
from tools.benchmarks.process import Row
from tools.benchmarks.report import ratio

BATCH = 5_000


async def run(bench: Bench) -> list[Row]:
    """Measure all, the best of three."""
    now, decode_event = datetime.now(UTC), msgspec.json.Decoder(Event).decode
    messages = bench.workload(bench.size(200_000, 5_000))
    entries = [
        LogEntry(seq, int(now.timestamp()) * 10**9, one.message_id, one.payload) for seq, one in enumerate(messages, 1)
    ]
    ways: dict[str, Callable[[Sequence[LogEntry]], object]] = {
        "Tailrace, a batch": lambda batch: decode_plain(batch, NO_UPCASTERS),
        "Tailrace, a batch with its rows": lambda batch: decode(batch, NO_UPCASTERS),
        "Tailrace, one by one": lambda batch: [read_stored(entry.payload, logged_at=now) for entry in batch],
        "msgspec": lambda batch: [decode_event(entry.payload) for entry in batch],
    }
    rows: list[Row] = []
    for name, way in ways.items():
        took = []
        for _ in range(3):
            began = time.process_time()
            for first in range(0, len(entries), BATCH):
                way(entries[first : first + BATCH])
            took.append((time.process_time() - began) / len(entries))
        rows.append({"": name, "events/s": 1 / min(took), "process µs": min(took) * 1e6})
    return ratio(rows, "msgspec")
