"""Results: rows of figures, and the machine that they were measured on."""

import asyncio
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from tailrace.embedded.nats import nats_binary
from tools.benchmarks.bench import execute
from tools.benchmarks.process import Row


def percentile(values: "Counter[int] | Iterable[float]", percent: int) -> float:
    """A percentile of at least one value, by nearest rank."""
    ordered = sorted(values.elements() if isinstance(values, Counter) else values)
    return float(ordered[max(-(-len(ordered) * percent // 100), 1) - 1])


def ratio(rows: list[Row], base: str, column: str = "events/s") -> list[Row]:
    """The rows with a column that divides a figure by the one of the row ``base``."""
    by = float(next(row for row in rows if row[""] == base)[column])
    for row in rows:
        if column in row:
            row[f"× {base.split(': ')[-1]}"] = float(row[column]) / by
    return rows


async def describe_machine(dsn: str) -> dict[str, str]:
    """The day, the machine and the versions."""
    postgres = await execute(dsn, "show server_version")
    timescale = await execute(dsn, "select default_version from pg_available_extensions where name = 'timescaledb'")
    nats = await asyncio.to_thread(subprocess.check_output, [nats_binary(), "--version"], text=True)
    memory = round(psutil.virtual_memory().total / 2**30)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{psutil.cpu_count()} cores, {memory} GiB of memory, {platform.system()} {platform.machine()}",
        "versions": f"Tailrace {version('tailrace')}, Python {platform.python_version()}, {nats.strip()}, "
        f"PostgreSQL {postgres.split()[0]}{f', TimescaleDB {timescale}' if timescale else ''}",
    }
