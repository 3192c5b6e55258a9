"""docs/benchmarks.md, and what is printed."""

import json
import re
import textwrap
from typing import Any

from tools.benchmarks.report import Report
from tools.benchmarks.run import Measured

_HEAD = """\
# Benchmarks

This page is made by `./just bench`, which measures and writes all of it; each command below writes its own section anew
with `--page docs/benchmarks.md`. Change the code under `tools/benchmarks/`, not the page.

Ratios are what to take from here: both sides were measured in the same run. Absolute figures are this machine's, where
producers, log, database, services and the measuring itself share the cores.
"""

SECTIONS = (
    "Replay",
    "Questions",
    "Growth",
    "Projection",
    "Contention",
    "Live",
    "Fan-out",
    "Clients",
    "Catching up",
    "Cluster",
)
"""The titles in the order of the page."""


def render_page(measured: Measured, page: str = "") -> str:
    """The page: a new one, or one that is there with the sections that were measured written anew.

    A section that was measured on something else than the page says so.
    """
    described = describe(measured.machine)
    head, *parts = re.split(r"^## ", page or f"{_HEAD}\n{described}\n", flags=re.MULTILINE)
    sections = {part.split("\n", 1)[0]: part.strip() for part in parts}
    on = "" if described in head else f"\n\n{described}"
    sections |= {report.title: _section(report) + on for report in measured.reports}
    ordered = sorted(sections, key=lambda title: SECTIONS.index(title) if title in SECTIONS else len(SECTIONS))
    return "\n\n".join([head.strip(), *(f"## {sections[title]}" for title in ordered)]) + "\n"


def _section(report: Report) -> str:
    command = f"```sh\n./just {report.command}\n```"
    return f"{report.title}\n\n{command}\n\n{_wrapped(report.explanation)}\n\n{report.table}"


def describe(machine: dict[str, Any]) -> str:
    """The machine in a sentence."""
    return _wrapped(
        f"{machine['date']}: Tailrace {machine['tailrace']} with {machine['cores']} cores and "
        f"{machine['memory'] / 2**30:.0f} GiB of memory, {machine['system']}, files on {machine['file_system']}; "
        f"Python {machine['python']}; NATS {machine['nats']}; PostgreSQL "
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
