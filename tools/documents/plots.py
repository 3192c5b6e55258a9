"""Plots of the benchmarks: a page and an SVG for each benchmark with CPU times or sizes."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from tools.documents.benchmarks import Results

PAGE, FOLDER = Path("benchmark-plots.md"), Path("images", "benchmarks")
_HEAD = "# Plots of the benchmarks\n\nWritten by `./just docs`, with the figures of [the tables](benchmarks.md).\n"
# the same figures give the same file
mpl.rcParams.update({"svg.hashsalt": "tailrace", "svg.fonttype": "none", "font.size": 9})


def plot_files(results: Results) -> Iterator[tuple[Path, str]]:
    """The page and the pictures: each file's place below docs/, and its text."""
    page = _HEAD
    for name, result in sorted(results.items()):
        picture = _times(result["rows"]) if name == "scale" else _bars(result["rows"])
        if picture is not None:
            place = FOLDER / f"{name}.svg"
            text = io.StringIO()
            picture.savefig(text, format="svg", metadata={"Date": None})
            yield place, "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
            page += f"\n## {name}\n\n![{name}: {_caption(name)}]({place})\n"
    yield PAGE, page


def _caption(name: str) -> str:
    return (
        "milliseconds of each question by log entries"
        if name == "scale"
        else "events per second and CPU time per event"
    )


def _bars(rows: list[dict[str, Any]]) -> Figure | None:
    """Rates, and beside them the CPU time of each process, stacked."""
    columns = list(dict.fromkeys(column for row in rows for column in row if column.endswith("µs")))
    rows = [row for row in rows if any(column in row for column in columns)]
    if not rows:
        return None
    figure = Figure(figsize=(9, 1.1 + 0.32 * len(rows)), layout="constrained")
    rates, cpu = figure.subplots(1, 2, sharey=True)
    names, left = [row[""] for row in rows], [0.0] * len(rows)
    rates.barh(names, [row.get("events/s", 0) for row in rows], color="tab:gray")
    _label(rates, "events/s")
    for column in columns:
        widths = [max(row.get(column, 0.0), 0.0) for row in rows]
        cpu.barh(names, widths, left=left, label=column.removesuffix(" µs"))
        left = [start + width for start, width in zip(left, widths, strict=True)]
    _label(cpu, "CPU time, µs per event")
    figure.legend(loc="outside upper right", ncols=len(columns), frameon=False)
    rates.xaxis.set_major_formatter(EngFormatter())
    rates.invert_yaxis()
    return figure


def _times(rows: list[dict[str, Any]]) -> Figure:
    """Milliseconds over the number of entries, both logarithmic."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    entries = [int(row[""].replace(",", "")) for row in rows]
    for column in (column for column in rows[0] if column.endswith(" ms")):
        axes.loglog(entries, [row[column] for row in rows], marker="o", label=column.removesuffix(" ms"))
    _label(axes, "log entries")
    axes.set_ylabel("ms, p50")
    axes.legend(frameon=False)
    return figure


def _label(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.spines[["top", "right"]].set_visible(False)
