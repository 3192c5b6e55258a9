"""docs/benchmarks.md, and what is printed."""

import json
import textwrap
from typing import Any

from tailrace.ops.benchmarks.report import Report
from tailrace.ops.benchmarks.run import Measured

_HEAD = """\
# Benchmarks

This page is made by `./just bench`, which measures and writes all of it; change the code under
`src/tailrace/ops/benchmarks/`, not the page.

Ratios are what to take from here: both sides were measured in the same run. Absolute figures are this machine's, where
producers, log, database, services and the measuring itself share the cores.
"""


def render_page(measured: Measured) -> str:
    """The page."""
    sections = "\n".join(_section(report) for report in measured.reports)
    return f"{_HEAD}\n{describe(measured.machine)}\n{sections}\n"


def _section(report: Report) -> str:
    command = f"```sh\nuv run tailrace {report.command}\n```"
    return f"\n## {report.title}\n\n{command}\n\n{_wrapped(report.explanation)}\n\n{report.table}"


def describe(machine: dict[str, Any]) -> str:
    """The machine in a sentence."""
    return _wrapped(
        f"{machine['date']}: Tailrace {machine['tailrace']} with {machine['cores']} cores and "
        f"{machine['memory'] / 2**30:.0f} GiB of memory, {machine['system']}, files on {machine['file_system']}; "
        f"Python {machine['python']}, log read with {machine['log_library']}; NATS {machine['nats']}; PostgreSQL "
        f"{machine['postgres']} ({machine['flavour']} flavour)."
    )


def render_text(measured: Measured) -> str:
    """For people."""
    parts = [f"\n{report.title}\n\n{_wrapped(report.explanation)}\n\n{report.table}" for report in measured.reports]
    return "\n".join([describe(measured.machine), *parts])


def render_json(measured: Measured) -> str:
    """For machines; times in seconds, sizes in bytes."""
    found = {report.name: report.figures for report in measured.reports}
    return json.dumps({"machine": measured.machine, **found}, indent=2)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
