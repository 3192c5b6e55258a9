"""The figures of docs/faults.md: from docs/chaos.json, which ``just chaos --write`` writes."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tools.chaos.result import Result
from tools.documents.marks import with_figures
from tools.documents.tables import table

SOURCE = "docs/chaos.json"
STEPS = {
    "append": "stored",
    "projected": "projected",
    "stats": "`/stats` answers",
    "counted": "counted",
    "frame": "received",
}


def read_run(docs: Path) -> Result:
    """Returns the last run that was written."""
    return msgspec.json.decode((docs / "chaos.json").read_bytes(), type=Result)


def faults_page(page: str, run: Result) -> str:
    """The page with its figures written again.

    Raises:
        ConfigurationError: the page has no comments for them.
    """
    return with_figures(page, "docs/faults.md", SOURCE, _figures(run))


def _figures(run: Result) -> Iterator[str]:
    yield (
        f"`./just chaos --seed {run.seed} --minutes {run.seconds / 60:g} --write {SOURCE}`: "
        f"{sum(fault.times for fault in run.faults.values())} faults, {run.kills} of them kills; "
        f"{run.acknowledged:,} of {run.sent:,} events acknowledged; **lost {run.lost}, doubled {run.doubled}**; "
        f"{run.streamed:,} events received over `/ws`.\n"
    )
    for sentence in run.skipped:
        yield f"Skipped: {sentence}.\n"
    for sentence in run.differences:
        yield f"Difference: {sentence}.\n"
    rows = [
        {"fault": name, "times": fault.times} | {text: fault.slowest.get(key) for key, text in STEPS.items()}
        for name, fault in sorted(run.faults.items())
    ]
    yield table(rows)
    yield (
        "\nThe columns are the slowest recoveries in seconds, from when both servers accept connections: until an "
        "event is stored, another is projected, and `/stats` answers; then until the stored one is counted, behind all "
        "that waited, and received by every client of `/ws`. The start of a service that was killed is part of them.\n"
    )
    if run.overload.requests:
        overload = run.overload
        yield (
            f"While 64 connections sent 500 events each, again and again: {overload.requests:,} requests, "
            f"{overload.refused:,} of them refused with 429, the slowest after {overload.slowest_refusal:.2f} s. "
            f"The slowest answer of all came after {overload.slowest_answer:.2f} s.\n"
        )
    yield table(
        [
            {
                "service": name,
                "memory, MB": round(run.memory[name] / 1e6),
                "open files": run.files[name],
                "event loop blocked for at most, s": run.blocked.get(name),
            }
            for name in sorted(run.memory)
        ]
    )
