"""The figures of docs/faults.md: from docs/chaos.json, which ``just chaos --write`` writes."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tools.chaos.run import Result
from tools.documents.marks import with_figures
from tools.documents.tables import table

SOURCE = "docs/chaos.json"


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
    rows = [
        {"fault": name, "times": fault.times, "slowest recovery, s": fault.slowest}
        for name, fault in sorted(run.faults.items())
    ]
    yield table(rows)
    yield "\nThe recovery ends when a new event is stored and counted.\n"
    yield table(
        [
            {
                "service": name,
                "memory, MB": round(run.memory[name] / 1e6),
                "open files": run.files[name],
                "slowest `/health/live` between faults, ms": run.answers_ms.get(name),
            }
            for name in sorted(run.memory)
        ]
    )
